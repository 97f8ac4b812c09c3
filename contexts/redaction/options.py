"""Secrets that stand where a command, a header or a statement puts them, without a name of their
own: `curl -u a:b`, `mysql -pSECRET`, `Cookie: sid=…`, `IDENTIFIED BY '…'`.

As in `patterns`, each begins at a fixed word and matches a bounded length.
"""

import re
from dataclasses import dataclass, field

from contexts.redaction.patterns import MARKER, NAMES, PLACEHOLDER

_VALUE = r"""(?P<bare>(?!-)[^\s"'`,;&|<>(){}\[\]\\]{1,256}+)"""
# What is filled in later: `$PASS`, `%s`, `{password}`, `<password>`.
OPENS = ("$", "%", "{", "<")
_QUOTE = r"""(?:\\{0,7}["'])?"""


@dataclass(frozen=True)
class Place:
    """A place of a secret: KIND, lower-case words of which one must be in the text, pattern.

    `programs`: one of these must stand before it in its line. `plain` are values that are none.
    """

    kind: str
    needles: tuple[str, ...]
    pattern: re.Pattern[str]
    programs: re.Pattern[str] | None = None
    plain: re.Pattern[str] = field(default=re.compile(r"(?!)"))

    def verdict(self, match: re.Match[str]) -> tuple[str, str] | None:
        """KIND and the group that holds the secret; None when the match is harmless."""
        value = match["bare"]
        if PLACEHOLDER.fullmatch(value) or MARKER.fullmatch(value) or value.startswith(OPENS):
            return None
        if self.plain.fullmatch(value):
            return None
        if self.programs is not None:
            before = match.string[max(0, match.start() - 300) : match.start()].rsplit("\n", 1)[-1]
            # Asking for the words first is quicker by far, and mostly the answer.
            named = any(needle in before for needle in self.needles)
            if not named or not self.programs.search(before):
                return None
        return self.kind, "bare"


def _program(*names: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{'|'.join(names)})(?=\s)")


def _place(
    kind: str,
    needles: str,
    pattern: str,
    programs: re.Pattern[str] | None = None,
    plain: str = r"(?!)",
) -> Place:
    compiled = re.compile(pattern, re.IGNORECASE | re.VERBOSE)
    return Place(kind, tuple(needles.split()), compiled, programs, re.compile(plain))


_CURL = _program("curl", "curlie")
# All pairs of a cookie behind the first name: only behind `; ` there is a space inside.
_COOKIES = r"""[^\s"'`;<>\[\]\\]{1,4096}+(?:;[ ]{0,2}[^\s"'`;<>\[\]\\]{1,4096}+){0,100}+"""


PLACES = (
    # `docker run -u 1000:1000` names ids, but curl's is a user with a password.
    _place(
        "password",
        "curl",
        rf"""(?<![\w-])(?:-u|--user|-U|--proxy-user)(?:=|[ \t]{{1,4}}|(?=["'])){_QUOTE}
             [^\s:"'`$\\]{{1,100}}:(?P<bare>[^\s"'`\[\]]{{1,256}}+)""",
        _CURL,
    ),
    _place(
        "password",
        "auth=( basicauth(",
        r"""(?:\bauth=\(|BasicAuth\()[ ]?["'][^"'\n]{0,100}["'],[ ]?
            ["'](?P<bare>[^"'\n]{1,256})["']""",
    ),
    # nodemailer and such: beside a user `pass` is a word for it.
    _place(
        "password",
        "pass: pass= pass' pass\"",
        r"""\buser(?:name)?\\{0,7}["']?[ ]?[:=][ ]?\\{0,7}["'][^"'\n]{0,100}["'],?\s{1,20}
            \\{0,7}["']?pass\\{0,7}["']?[ ]?[:=][ ]?\\{0,7}["'](?P<bare>[^"'\n\\]{1,256})""",
    ),
    # A token for a user's name: `https://TOKEN@github.com/…`.
    _place("token", "://", r"https?://(?P<bare>(?=[A-Za-z_-]{0,200}\d)[\w-]{20,255}+)(?=@)"),
    _place(
        "password",
        "mysql mariadb",
        rf"(?<![\w-])(?-i:-p){_QUOTE}{_VALUE}",
        _program(r"(?:mysql|mariadb)[a-z-]{0,12}"),
    ),
    _place(
        "password",
        "sshpass docker podman helm mongo",
        rf"(?<![\w-])(?-i:-p)(?:=|[ \t]{{1,4}}|){_QUOTE}{_VALUE}",
        _program("sshpass", r"(?:docker|podman|buildah|nerdctl)[ ]login", "mongo[a-z]{0,8}"),
    ),
    _place(
        "password",
        "redis-cli",
        rf"(?<![\w-])-a[ \t]{{1,4}}{_QUOTE}{_VALUE}",
        _program("redis-cli"),
    ),
    _place(
        "password",
        "htpasswd",
        rf"""htpasswd[ ]-[a-zA-Z]{{0,4}}b[a-zA-Z]{{0,4}}[ ]\S{{1,200}}[ ]\S{{1,100}}[ ]
             {_QUOTE}{_VALUE}""",
    ),
    _place("password", "pass:", rf"(?<![\w-])-pass(?:in|out)?[ ]{_QUOTE}pass:{_VALUE}"),
    # `.netrc`
    _place(
        "password",
        "login",
        rf"(?<!\w)login[ \t]{{1,4}}\S{{1,100}}\s{{1,8}}password[ \t]{{1,4}}{_VALUE}",
    ),
    # SQL, and how people say it.
    _place(
        "password",
        "password identified",
        r"""(?:(?<![\w"'`-])password(?:[ ]to)?|identified[ ]by(?:[ ]password)?)[ ]{1,4}
            (?P<quote>\\{0,7}["'])(?P<bare>[^\s"'`\\]{3,256}+)(?=(?P=quote))""",
        plain=r"[?*.:]+|:\w+|[a-z]{1,5}",
    ),
    _place(
        "authorization",
        "_auth",
        r"(?<![A-Za-z0-9])_auth[ ]?=[ ]?(?P<bare>[A-Za-z0-9+/]{12,2048}+={0,2})",
    ),
    # Docker's `config.json`: user and password in base64.
    _place(
        "authorization",
        r'auth" auth\"',
        r"""\\{0,7}"auth\\{0,7}"\s{0,4}:\s{0,4}\\{0,7}"
            (?-i:(?=[^"]{0,2048}[\d=])(?=[^"]{0,2048}[A-Z])(?=[^"]{0,2048}[a-z]))
            (?P<bare>(?:[a-z0-9+/]{4}){3,512}+(?:[a-z0-9+/]{2}==|[a-z0-9+/]{3}=)?)
            (?=\\{0,7}")""",
    ),
    _place(
        "password",
        "sudo",
        rf"echo[ ]{_QUOTE}{_VALUE}{_QUOTE}[ ]{{0,4}}\|[ ]{{0,4}}sudo[ ]-S\b",
    ),
    _place(
        "password",
        "zip",
        rf"(?<![\w-])(?-i:-P)[ ]{{0,4}}{_QUOTE}{_VALUE}",
        _program("zip", "unzip"),
    ),
    _place(
        "password",
        "ssh-keygen",
        rf"(?<![\w-])(?-i:-N)[ ]{_QUOTE}{_VALUE}",
        _program("ssh-keygen"),
    ),
    _place(
        "signature",
        "-signature= sig=",
        r"(?:x-(?:amz|goog)-signature|(?<=[?&])sig)=(?P<bare>[A-Za-z0-9%+/=_-]{20,1024}+)",
    ),
    _place(
        "cookie",
        "cookie",
        rf"""(?<!\w)(?:set-)?cookies?(?:\\{{0,7}}["'`]\]?)?[ \t]{{0,4}}(?::|=>?)[ \t]{{0,4}}
             (?:\\{{0,7}}["'`])?
             (?P<name>[\w.:$-]{{1,100}})=(?P<bare>{_COOKIES})""",
    ),
    _place(
        "cookie",
        "curl",
        rf"""(?<![\w-])(?:-b|--cookie)(?:=|[ \t]{{1,4}}){_QUOTE}[\w.$-]{{1,100}}=
             (?P<bare>{_COOKIES})""",
        _CURL,
    ),
)

_GIVEN = r"""(?P<bare>[^\s"'`,&|<>(){}\[\]\\]{1,256}+)"""
# Names before their values in other ways than `name=value`; all have the groups of NAMES.
NAMED_VALUES = tuple(
    (needles, re.compile(pattern, re.IGNORECASE | re.VERBOSE))
    for needles, pattern in (
        # `- name: DB_PASSWORD` and below it `value: …`, in YAML or JSON.
        (
            ("value",),
            rf"""(?<!\w)(?:name|key)(?:\\{{0,7}}["'])?[ \t]{{0,4}}[:=][ \t]{{0,4}}{_QUOTE}
            [A-Za-z0-9_.-]{{0,60}}?(?:{NAMES}){_QUOTE},?\s{{1,20}}{_QUOTE}value(?:\\{{0,7}}["'])?
            [ \t]{{0,4}}[:=][ \t]{{0,4}}{_QUOTE}{_GIVEN}""",
        ),
        # `<password>…</password>`, `<string name="api_key">…</string>`
        (
            ("</",),
            rf"""<[\w:.-]{{0,40}}?(?:[ ]name=\\{{0,7}}["'][\w.-]{{0,40}}?)?(?:{NAMES}){_QUOTE}
            (?:[ ][^<>\n]{{0,200}})?>[ \t]{{0,16}}(?P<bare>[^<>\s][^<>\n]{{0,1000}}+)(?=</)""",
        ),
        # `ENV DB_PASSWORD …`, `setx API_KEY …`, `aws configure set aws_secret_access_key …`
        (
            ("env ", "setx ", "config set ", "configure set "),
            rf"""(?:(?<![\w-])(?:env|setx)|\b(?:config|configure)[ ]set)[ ]{{1,4}}
            [\w.:/@-]{{0,80}}?(?:{NAMES})[ ]{{1,4}}(?!=){_QUOTE}{_GIVEN}""",
        ),
        # What is taken without one: `os.getenv("API_KEY", "…")`, `env("API_KEY", default="…")`.
        (
            ("env(", "environ.get(", "setdefault("),
            rf"""(?:env|environ\.get|setdefault)\([ ]?["'][A-Za-z0-9_.-]{{0,60}}?(?:{NAMES})["']
            ,[ ]?(?:default=)?["']{_GIVEN}(?=["'])""",
        ),
        # A block in YAML: `password: |` and the value below it.
        (
            (": |\n", ": |-\n", ": >\n", ": >-\n"),
            rf"""(?:{NAMES})(?:["'])?:[ ]{{1,4}}[|>][+-]?\n[ ]{{1,40}}{_GIVEN}""",
        ),
    )
)
