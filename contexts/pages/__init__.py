"""What signed-in humans look at: the organization's tree, a context, decisions, search.

The pages are plain HTML and stay useful without scripts; small modules beside them
(`static/contexts/pages/`) keep them up to date through the socket and write through the REST API.
"""
