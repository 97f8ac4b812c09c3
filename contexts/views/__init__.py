"""REST: views parse, check access, make one call and answer."""
