"""The options of curl that the README's tour uses, for machines that have none."""

import argparse
import sys
import urllib.error
import urllib.request


def main() -> None:
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    parser.add_argument("url")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    options = parser.parse_args()
    data = options.data.encode() if options.data is not None else None
    request = urllib.request.Request(options.url, data, method=options.method)
    for header in options.headers:
        name, _, value = header.partition(": ")
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request) as response:
            sys.stdout.write(response.read().decode() + "\n")
    except urllib.error.HTTPError as error:
        sys.stdout.write(error.read().decode() + "\n")
        sys.exit(f"curl: {options.url} answered {error.code}")


if __name__ == "__main__":
    main()
