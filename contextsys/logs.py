import logging
def configure(level: str, form: str) -> None:
    logging.basicConfig(level=level)
