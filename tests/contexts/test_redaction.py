"""What is a secret and what only looks like one. Samples are put together here, so that no
scanner takes this file for a leak."""

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contexts.redaction import redact
from contexts.redaction.blocks import lines_with

B64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7" + "x" * 12
BEGIN, END = "-----BEGIN {}PRIVATE KEY-----", "-----END {}PRIVATE KEY-----"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
JWT = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
AGENT = "ctx_" + "aB3_-" * 9


def pem(kind: str = "", line: str = "\n") -> str:
    return line.join((BEGIN.format(kind), B64, B64, "abc=", END.format(kind)))


SHAPES = [
    ("private_key", pem()),
    ("private_key", pem("RSA ")),
    ("private_key", pem("OPENSSH ")),
    ("private_key", pem("EC ", "\\n")),
    ("private_key", pem("ENCRYPTED ", "\r\n")),
    ("private_key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\nlQ==\n"
     "-----END PGP PRIVATE KEY BLOCK-----"),
    ("aws_access_key", AWS),
    ("aws_access_key", "ASIA" + "IOSFODNN7EXAMPLE"),
    ("github_token", GITHUB),
    *(("github_token", f"gh{letter}_" + "a1B2" * 9) for letter in "ousr"),
    ("github_token", "github_pat_" + "11ABCDEFG0" + "_" + "a1B2c3D4" * 6),
    ("gitlab_token", "glpat-" + "aB3_-cD4eF5gH6iJ7kL8"),
    ("slack_token", "xoxb-" + "123456789012-" + "abcdefABCDEF"),
    ("slack_token", "xoxp-" + "123456789012-" + "abcdefABCDEF"),
    ("stripe_key", "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"),
    ("stripe_key", "rk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"),
    ("stripe_key", "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc"),
    ("openai_key", "sk-" + "a1B2c3D4" * 6),
    ("openai_key", "sk-proj-" + "a1B2_c3-D4" * 6),
    ("anthropic_key", "sk-ant-api03-" + "a1B2_c3-D4" * 9),
    ("google_api_key", "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"),
    ("npm_token", "npm_" + "a1B2c3D4e5F6" * 3),
    ("pypi_token", "pypi-" + "AgEIcHlwaS5vcmcCJ" + "a1B2c3-_" * 8),
    ("jwt", JWT),
    ("agent_key", AGENT),
    ("sendgrid_key", "SG." + "a1B2_c3-D4" * 2 + "ab" + "." + "a1B2_c3-D4" * 4 + "abc"),
    ("mailgun_key", "key-" + "0123456789abcdef" * 2),
    ("digitalocean_token", "dop_v1_" + "0123456789abcdef" * 4),
    ("telegram_token", "123456789" + ":AA" + "a1B2_c3-D4" * 3 + "abc"),
    ("docker_token", "dckr_pat_" + "a1B2_c3-D4" * 2 + "a1B2c3d"),
    ("vault_token", "hvs." + "a1B2_c3-D4" * 9),
    ("shopify_token", "shpat_" + "0123456789abcdef" * 2),
    ("linear_key", "lin_api_" + "a1B2c3D4e5" * 4),
    ("databricks_token", "dapi" + "0123456789abcdef" * 2),
    ("square_token", "sq0atp-" + "a1B2_c3-D4" * 2 + "ab"),
    ("age_key", "AGE-SECRET-KEY-1" + "A1B2C3D4E5" * 5 + "A1B2C3D4"),
    ("grafana_token", "glsa_" + "a1B2c3D4e5" * 3 + "ab_0123abcd"),
    ("sentry_token", "sntrys_" + "a1B2c3D4e5" * 8),
    ("planetscale_token", "pscale_tkn_" + "a1B2_c3-D4" * 4),
    ("rubygems_key", "rubygems_" + "0123456789abcdef" * 3),
    ("doppler_token", "dp.pt." + "a1B2c3D4e5" * 4 + "abc"),
    ("figma_token", "figd_" + "a1B2_c3-D4" * 4),
    ("newrelic_key", "NRAK-" + "A1B2C3D4E5" * 2 + "A1B2C3D"),
    ("replicate_token", "r8_" + "a1B2c3D4e5" * 3 + "a1B2c3D"),
    ("groq_key", "gsk_" + "a1B2c3D4e5" * 5 + "ab"),
    ("xai_key", "xai-" + "a1B2c3D4e5" * 8),
]  # fmt: skip

SURROUNDINGS = ["{}", "see {} there", '"{}"', "'{}',", "x={}", "({})", "a\n{}\nb", "a\\n{}", "`{}`"]


@pytest.mark.parametrize(("kind", "secret"), SHAPES)
@pytest.mark.parametrize("around", SURROUNDINGS)
def test_a_secret_is_known_by_its_shape(kind: str, secret: str, around: str) -> None:
    assert redact(around.format(secret)) == around.format(f"[redacted:{kind}]")


R = "[redacted:{}]".format
PASSWORD, TOKEN, API_KEY, SECRET = R("password"), R("token"), R("api_key"), R("secret")

TEXTS = [
    # Headers.
    ("Authorization: Bearer abc123", f"Authorization: Bearer {R('authorization')}"),
    ("Authorization: Basic dXNlcjpwYXNz", f"Authorization: Basic {R('authorization')}"),
    ("authorization: bearer abcdef", f"authorization: bearer {R('authorization')}"),
    ('{"Authorization": "Bearer a-b_c.d"}', f'{{"Authorization": "Bearer {R("authorization")}"}}'),
    (f"curl -H 'Authorization: Bearer {GITHUB}' u", f"curl -H 'Authorization: Bearer "
     f"{R('github_token')}' u"),
    ("sent bearer 0123456789abcdef0123 to it", f"sent bearer {R('authorization')} to it"),
    ("X-Api-Key: 12ab34cd", f"X-Api-Key: {API_KEY}"),
    ("PRIVATE-TOKEN: 12ab34cd", f"PRIVATE-TOKEN: {TOKEN}"),
    # Connection strings: only the password.
    ("postgres://u:hunter2@h/db", f"postgres://u:{PASSWORD}@h/db"),
    ("postgres://user:password@host:5432/db", f"postgres://user:{PASSWORD}@host:5432/db"),
    ("postgres://u:p@ss@h/db", f"postgres://u:{PASSWORD}@h/db"),
    ("postgres://u:pa/ss@h/db", f"postgres://u:{PASSWORD}@h/db"),
    ("redis://:s3cret@h:6379/0", f"redis://:{PASSWORD}@h:6379/0"),
    ("amqp://g:%40x@h//", f"amqp://g:{PASSWORD}@h//"),
    ("mongodb+srv://u:p@a,b/?x=a@b", f"mongodb+srv://u:{PASSWORD}@a,b/?x=a@b"),
    ("https://u:p@h/path?email=a@b.c", f"https://u:{PASSWORD}@h/path?email=a@b.c"),
    ("Server=h;Uid=sa;Pwd=hunter2;", f"Server=h;Uid=sa;Pwd={PASSWORD};"),
    ("jdbc:x://h/db?user=a&password=b1&ssl=1", f"jdbc:x://h/db?user=a&password={PASSWORD}&ssl=1"),
    # Assignments, in whatever language.
    ("password=hunter2", f"password={PASSWORD}"),
    ("password=swordfish", f"password={PASSWORD}"),
    ("PASSWORD = hunter2\nNEXT=1", f"PASSWORD = {PASSWORD}\nNEXT=1"),
    ("export DB_PASS=qwerty", f"export DB_PASS={PASSWORD}"),
    ("PGPASSWORD=hunter2 psql", f"PGPASSWORD={PASSWORD} psql"),
    ('"api_key": "abcd"', f'"api_key": "{API_KEY}"'),
    ('{\\"apiKey\\": \\"abcd\\"}', f'{{\\"apiKey\\": \\"{API_KEY}\\"}}'),
    ("SECRET_KEY = 'django-insecure-x'", f"SECRET_KEY = '{R('secret_key')}'"),
    ('secret_key: str = "a b c"', f'secret_key: str = "{R("secret_key")}"'),
    ('password:str="a b c"', f'password:str="{PASSWORD}"'),
    ("token: s3cr3t-value", f"token: {TOKEN}"),
    ("token=abcdefgh", f"token={TOKEN}"),
    ("?access_token=abc&x=1", f"?access_token={TOKEN}&x=1"),
    ("client_secret: 'a\\'b'", f"client_secret: '{SECRET}'"),
    ('"password": "a\\"b"}', f'"password": "{PASSWORD}"}}'),
    ("env['API_KEY'] = 'foo'", f"env['API_KEY'] = '{API_KEY}'"),
    (":password => 'x1'", f":password => '{PASSWORD}'"),
    ("passwd := `x1`", f"passwd := `{PASSWORD}`"),
    ('if password == "letmein":', f'if password == "{PASSWORD}":'),
    ('password = """x1"""', f'password = """{PASSWORD}"""'),
    ("connect(password='x1', token='y1')", f"connect(password='{PASSWORD}', token='{TOKEN}')"),
    ("connect(password=hunter2)", f"connect(password={PASSWORD})"),
    ("login --password hunter2 --user a", f"login --password {PASSWORD} --user a"),
    ("x --api-key=12ab34cd", f"x --api-key={API_KEY}"),
    ("//r.npmjs.org/:_authToken=abc123", f"//r.npmjs.org/:_authToken={TOKEN}"),
    (f"aws_secret_access_key = {AWS_SECRET}", f"aws_secret_access_key = {R('aws_secret_key')}"),
    (f'"SecretAccessKey": "{AWS_SECRET}"', f'"SecretAccessKey": "{R("aws_secret_key")}"'),
    (f"aws_access_key_id={AWS}", f"aws_access_key_id={R('aws_access_key')}"),
    ("the API key: 12ab34cd, and", f"the API key: {API_KEY}, and"),
    ("password: hunter2 and then", f"password: {PASSWORD} and then"),
    (f"api_key={GITHUB}", f"api_key={R('github_token')}"),
    ("token: none\npassword: x1", f"token: none\npassword: {PASSWORD}"),
    # Options of commands.
    ("curl -u admin:hunter2 https://x/y", f"curl -u admin:{PASSWORD} https://x/y"),
    ("curl -s --user 'admin:hun:ter2' u", f"curl -s --user 'admin:{PASSWORD}' u"),
    ('curl --proxy-user="a:b1" u', f'curl --proxy-user="a:{PASSWORD}" u'),
    ("mysql -u root -phunter2 shop", f"mysql -u root -p{PASSWORD} shop"),
    ("mysqldump -uroot -p'hunter2' shop", f"mysqldump -uroot -p'{PASSWORD}' shop"),
    ("sshpass -p hunter2 ssh h", f"sshpass -p {PASSWORD} ssh h"),
    ("sshpass -p'hunter2' ssh h", f"sshpass -p'{PASSWORD}' ssh h"),
    ("docker login -u me -p hunter2 r.io", f"docker login -u me -p {PASSWORD} r.io"),
    ("redis-cli -h c -a hunter2 ping", f"redis-cli -h c -a {PASSWORD} ping"),
    ("htpasswd -b f me hunter2", f"htpasswd -b f me {PASSWORD}"),
    ("openssl enc -pass pass:hunter2", f"openssl enc -pass pass:{PASSWORD}"),
    ("machine h login me password hunter2", f"machine h login me password {PASSWORD}"),
    ("CREATE USER x WITH PASSWORD 'hunter2'", f"CREATE USER x WITH PASSWORD '{PASSWORD}'"),
    ("ALTER USER x IDENTIFIED BY 'hunter2'", f"ALTER USER x IDENTIFIED BY '{PASSWORD}'"),
    ('set the password to "hunter2"', f'set the password to "{PASSWORD}"'),
    ("_auth=bWU6aHVudGVyMg==", f"_auth={R('authorization')}"),
    ("u?X-Amz-Signature=" + "0a1b" * 16 + "&a=b", f"u?X-Amz-Signature={R('signature')}&a=b"),
    ("u?sv=1&sig=" + "aB3%2F" * 8, f"u?sv=1&sig={R('signature')}"),
    # Cookies, credentials, long numbers.
    ("Cookie: sid=a1; csrf=b2", f"Cookie: sid={R('cookie')}"),
    ("Set-Cookie: sid=a1(b),c; HttpOnly\nX: y", f"Set-Cookie: sid={R('cookie')}\nX: y"),
    ('{"Cookie": "a:b=1; sid=2"}', f'{{"Cookie": "a:b={R("cookie")}"}}'),
    ("curl -b 'sid=a1; x=2' u", f"curl -b 'sid={R('cookie')}' u"),
    ("document.cookie = 'sid=a1'", f"document.cookie = 'sid={R('cookie')}'"),
    ("credentials: a1b2c3d4", f"credentials: {R('credentials')}"),
    ('"credential": "me:a1b2"', f'"credential": "{R("credentials")}"'),
    ("api_key: 1234567890123456", f"api_key: {API_KEY}"),
    # The name above the value.
    ("- name: DB_PASSWORD\n  value: hunter2\n", f"- name: DB_PASSWORD\n  value: {PASSWORD}\n"),
    ('{"name": "API_TOKEN", "value": "a1"}', f'{{"name": "API_TOKEN", "value": "{TOKEN}"}}'),
    (
        "https://hooks.slack.com/services/" + "T0A1B2C3D/B0A1B2C3D/a1B2c3D4e5F6",
        f"https://hooks.slack.com/services/{R('slack_webhook')}",
    ),
    (
        "https://discord.com/api/webhooks/" + "123456789012345678/" + "a1B2_c3-D4" * 6,
        f"https://discord.com/api/webhooks/{R('discord_webhook')}",
    ),
    # Cut off.
    ('password="hunter', f'password="{PASSWORD}'),
    (f"a\n{BEGIN.format('')}\n{B64}\n{B64[:20]}", f"a\n{R('private_key')}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_a_secret_is_known_by_what_stands_before_it(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert redact([{"a": text}]) == [{"a": expected}]


HARMLESS = [
    "",
    "a",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "0190b5a0-7c1e-7c3a-9b1e-2f4c6d8e0a1b",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "registry.example/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "docker://alpine:3.19@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4",
    "test_a_very_long_identifier_that_describes_what_the_test_does_and_why",
    "task-1234567890-abcdefghijklmnopqrstuvwxyz-disk-0123456789abcdefghijkl",
    "/home/me/src/contexts/secret_key.py:12: in token",
    "src/token.ts:12:5",
    "cat: /etc/passwd: Permission denied",
    "https://example.com/a/b?c=d#e",
    "https://host:8080/a@b",
    "mongodb://h1:27017,h2:27018/?x=a@b",
    "http://[::1]:80/x@y",
    "git@github.com:owner/name.git",
    "the token budget is 500",
    "token: 500",
    "the secret: be kind to it",
    "password: must be at least 12 characters",
    "Password: required",
    "rotate the password and the API key",
    "max_tokens=5, token_count=7, next_page_token=abc123, pad_token: x1",
    'password_field: "name"',
    'password: "", token: \'\'',
    "password=",
    "password: ${DB_PASSWORD}",
    "password=$DB_PASSWORD",
    'password: "${VAR}"',
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "api_key=<your-key>",
    'api_key="your-api-key"',
    "password=***",
    'password = os.environ["X"]',
    "password = os.getenv('PASSWORD')",
    "password: get_password()",
    "password = models.CharField(max_length=128)",
    "password=self.password, token=settings.TOKEN",
    "password=password, api_key=api_key",
    "def f(password: str, token: Token | None = None) -> None:",
    "let password: string;",
    "if token == other or password != given:",
    "token = lexer",
    'if token == "not" and next_token != "in":',
    'token = "not in"; closing_token = "&&"',
    "password = given or default",
    "password = prefix + suffix",
    '{"MYSQL_PWD": given}',
    "env['PASSWORD'] = given",
    "if not pwd:  # none",
    'input("Password: ")\n',
    "'password=%s' % password",
    'f"password={password}"',
    "postgres://user:${PASSWORD}@host/db",
    "postgres://user:<password>@host/db",
    "Authorization: Bearer $TOKEN",
    'curl -H "Authorization: Bearer ${TOKEN}"',
    "`Authorization: Bearer KEY` for agents",
    "the bearer of this letter",
    "PWD=/home/me/src",
    "docker run -u 1000:1000 -p 8080:80 x; chown -R me:us x",
    'curl -u "$USER:$PASS" https://x',
    "mysql -u root -p shop",
    "docker login -u me --password-stdin",
    "mkdir -p src; ps -p 1234; ssh -p 2222 h; pytest -p no:cacheprovider",
    "it is identified by 'key', and the password is kept",
    "IDENTIFIED BY '%s'",
    "SELECT password 'x y z'",
    "credentials: 'include'",
    "credentials = load_credentials(path)",
    "GOOGLE_APPLICATION_CREDENTIALS=/etc/key.json",
    "credentials: see the wiki",
    "cookie = SimpleCookie(); self.cookies = response.cookies",
    "headers={'Cookie': cookie}",
    'f"Cookie: sid={session}; x={y}"',
    "- name: LOG_LEVEL\n  value: debug1",
    "- name: password\n  value: ${PASSWORD}",
    "api_key: 12345",
    "cache-key-0123456789abcdef0123456789abcdef, key-0123",
    "private_key: ~/.ssh/id_rsa",
    "look for -----BEGIN PRIVATE KEY----- in the file",
    "-----BEGIN PUBLIC KEY-----\n" + B64 + "\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----\n" + B64 + "\n-----END CERTIFICATE-----",
    "ctx_short, sk-learn-like-names-with-many-words-inside, npm_config_registry, pypi-publish",
    "[redacted:password]",
    "password=[redacted:token]",
    "Authorization: Bearer [redacted:jwt]",
    "postgres://u:[redacted:password]@h/db",
    "[redacted:github_token]: found",
    '"secret": "[redacted:whatever]"',
]  # fmt: skip


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert redact(text) is text
    value = {"a": [text], "count": 1}
    assert redact(value) is value


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("password", "password"),
        ("Passwd", "password"),
        ("db_password", "password"),
        ("DATABASE-PASSWORD", "password"),
        ("smtp_pass", "password"),
        ("passphrase", "password"),
        ("secret", "secret"),
        ("clientSecret", "secret"),
        ("client_secret", "secret"),
        ("secret_key", "secret_key"),
        ("SECRET_KEY", "secret_key"),
        ("aws_secret_access_key", "aws_secret_key"),
        ("api_key", "api_key"),
        ("apikey", "api_key"),
        ("apiKey", "api_key"),
        ("X-API-Key", "api_key"),
        ("private_key", "private_key"),
        ("token", "token"),
        ("access_token", "token"),
        ("authToken", "token"),
        ("GITHUB_TOKEN", "token"),
        ("Authorization", "authorization"),
    ],
)
def test_a_dict_key_that_names_a_secret(name: str, kind: str) -> None:
    assert redact({name: "swordfish"}) == {name: f"[redacted:{kind}]"}
    assert redact([{"a": {name: "x"}}]) == [{"a": {name: f"[redacted:{kind}]"}}]


@pytest.mark.parametrize(
    "value",
    [
        {"max_tokens": 5},
        {"max_token": "five"},
        {"token_count": "7"},
        {"pad_token": "<pad>"},
        {"nextPageToken": "abc"},
        {"password_field": "name"},
        {"secret_name": "x"},
        {"public_key": "abc"},
        {"key": "abc"},
        {"primary_key": "id"},
        {"tokenizer": "bpe"},
        {"passed": "12"},
        {"password": ""},
        {"password": " "},
        {"password": None},
        {"password": True},
        {"password": 5},
        {"password": {}},
        {"password": {"type": "string", "description": "at least 12 characters"}},
        {"token": 1234567},
        {"credentials": "include"},
        {"credentials": "/etc/key.json"},
        {"cookie": "session"},
        {"Cookie": "sid=[redacted:cookie]"},
        {"name": "LOG_LEVEL", "value": "debug1"},
        {"name": "password", "value": ""},
        {"password": "${VAR}"},
        {"password": "$VAR"},
        {"password": "<your-password>"},
        {"password": "[redacted:password]"},
        {"password": "[redacted:other]"},
        {"token": 'os.environ["X"]'},
        {"token": "get_token()"},
        {"Authorization": "Bearer $TOKEN"},
        {"Authorization": "Bearer [redacted:jwt]"},
        {"private_key": "/etc/ssl/key.pem"},
        {"PWD": "/home/me"},
    ],
)
def test_a_dict_entry_that_holds_no_secret_stays(value: Any) -> None:
    assert redact(value) is value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"api_key": GITHUB}, {"api_key": R("github_token")}),
        ({"password": f"a {GITHUB}"}, {"password": PASSWORD}),
        ({"Authorization": f"Bearer {JWT}"}, {"Authorization": f"Bearer {R('jwt')}"}),
        ({"url": "redis://:x1@h"}, {"url": f"redis://:{PASSWORD}@h"}),
        ({GITHUB: 1}, {R("github_token"): 1}),
        ({"password": 482913}, {"password": PASSWORD}),
        (
            {"password": {"type": "string", "value": "hunter2"}},
            {"password": {"type": "string", "value": PASSWORD}},
        ),
        ({"name": "DB_PASSWORD", "value": "x1"}, {"name": "DB_PASSWORD", "value": PASSWORD}),
        ({"credentials": "me:a1b2"}, {"credentials": R("credentials")}),
        ({"set-cookie": ["sid=a1; Path=/"]}, {"set-cookie": [R("cookie")]}),
        ({"env": {"A": ["b", f"c {AWS}"]}}, {"env": {"A": ["b", f"c {R('aws_access_key')}"]}}),
        (
            f"{AWS} and {GITHUB}, token={JWT}",
            f"{R('aws_access_key')} and {R('github_token')}, token={R('jwt')}",
        ),
    ],
)
def test_redact(value: Any, expected: Any) -> None:
    before = copy.deepcopy(value)
    assert redact(value) == expected
    assert redact(expected) is expected
    assert value == before


def test_what_had_no_secret_is_shared_and_order_stays() -> None:
    value = {"z": {"a": [1]}, "password": "x1", "b": [{}]}
    redacted = redact(value)
    assert list(redacted) == ["z", "password", "b"]
    assert redacted["z"] is value["z"]
    assert redacted["b"] is value["b"]


# Pieces of secrets, labels and quotes in any order: where two rules might undo each other.
PIECES = st.sampled_from(
    [
        *(secret for _, secret in SHAPES),
        *(text for text, _ in TEXTS),
        *HARMLESS,
        *("password", "token", "api_key", "secret", "Authorization", "Bearer ", "Basic ", "://u:"),
        *(" ", "=", ": ", ":", "==", "=>", '"', "'", '\\"', "`", '"""', "\\", "\\n", "\n", ","),
        *("@", "(", ")", "[", "]", "{", "}", "<", ">", "$", "${", "%", "--", "-----", "/"),
        *("[redacted:password]", "[redacted:", "redacted:jwt]", "x", "hunter2", "eyJ", "sk-"),
        *(".", "_", "-", "5", "curl -u ", "mysql -p", "Cookie: ", "sid=", ";", "; "),
        *("password to ", "name: ", "value: ", "identified by ", "_auth=", "?sig=", "credentials"),
    ]
)  # fmt: skip
MESSES = st.lists(PIECES, max_size=10).map("".join)
JSON = st.recursive(
    MESSES | st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["password", "api_key", "token", "Authorization", "a", "PWD"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=1_000)
@given(JSON)
def test_redacting_twice_changes_nothing_more_and_alters_no_input(value: Any) -> None:
    before = copy.deepcopy(value)
    once = redact(value)
    assert value == before
    assert redact(once) == once


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(SHAPES), MESSES, MESSES)
def test_no_surroundings_bring_a_secret_through(
    sample: tuple[str, str], before: str, after: str
) -> None:
    secret = f" {sample[1]} "
    assert secret not in redact(before + secret + after)


@settings(deadline=None)
@given(st.text())
def test_a_password_in_an_entry_never_stays(text: str) -> None:
    value = "hunter2" + text
    # What could be a call or a look-up in code is none.
    assume(not value.endswith((")", "]")))
    assert redact({"password": value}) == {"password": PASSWORD}


HOSTILE = [
    BEGIN.format("") * 10_000,
    "-----BEGIN " + "A" * 300_000 + "PRIVATE KEY",
    "password=" * 30_000,
    "token:$" * 40_000,
    'token="' * 40_000,
    'token=\'"""' * 30_000,
    'password:\\"' * 30_000,
    'token="' + "\\" * 300_000,
    "token" + " " * 300_000,
    "token: a = " * 30_000,
    'token="f(' * 30_000,
    "--token " * 30_000,
    "eyJ-" * 80_000,
    "eyJaaaaaa." * 30_000,
    "://a:" * 60_000,
    "://" * 100_000,
    "ctx_" * 80_000,
    "Authorization: Bearer " * 15_000,
    "-" * 300_000 + " password",
    "a1B2" * 80_000,
    "".join(f"token={backslashes * chr(92)}'" for backslashes in range(700)),
    "token='token=\"token=`" * 12_000,
    "curl " + "-u a:" * 60_000,
    "curl -u " * 40_000,
    "mysql " + "-p" * 150_000,
    "mysql " * 50_000 + "-pa",
    "Cookie: a=" + ";b" * 150_000,
    "cookie:" * 40_000,
    "Cookie: a=b" * 30_000,
    "name: " + "a" * 300_000,
    "name: password\nvalue" * 15_000,
    "name:password" + " " * 300_000,
    "login " * 50_000,
    "login a password " * 20_000,
    "password '" * 30_000,
    "identified by " * 20_000,
    "htpasswd -b a " * 20_000,
    "?sig=" * 60_000,
    ":AA" * 100_000,
    "dp.pt." * 50_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12].strip())
def test_hostile_texts_end(text: str) -> None:
    redacted = redact(text)
    assert redact(redacted) == redacted


def test_a_large_document_without_secrets_comes_back_itself() -> None:
    document = {
        f"module {n}": {"title": f"what it does {n}", "files": [f"src/a{n}.py"], "lines": n}
        for n in range(14_000)
    }
    assert len(json.dumps(document)) > 2**20
    assert redact(document) is document


@pytest.mark.parametrize("prefix", ["", "+", " ", "    12\t"])
def test_a_private_key_is_found_over_the_lines_of_a_list(prefix: str) -> None:
    body = ["M7wGQnzNT9A10hRf98r0NBLMXFmMrTlBbHlgzjkKmKchOzUxQx9z8GZrCm8GHGz" for _ in range(3)]
    name = "PRIVATE" + " KEY-----"
    key = [f"-----BEGIN {name}", *body, f"-----END {name}"]
    lines = ["-old", *(prefix + line for line in key), "+new"]
    for value in (lines, {"lines": lines}, {"patch": [{"lines": lines}]}):
        clean = redact(value)
        assert "M7wGQ" not in str(clean)
        assert "-old" in str(clean)
        assert "+new" in str(clean)
        assert redact(clean) == clean


PIECES = st.sampled_from(
    [
        *("password", "API_KEY", "token", "secret", "--token", "authorization", "bearer", "value"),
        *(
            "=",
            ": ",
            "==",
            " => ",
            ' = "',
            "='",
            '"',
            "'",
            "\\",
            "\\n",
            "\\\\",
            '"""',
            "\n",
            "\r\n",
        ),
        *("hunter2x", "ghp_", "a1b2c3d4e5f6", "${X}", "none", "(x)", "[0]", " ", "\t", "\u2028"),
        *("Basic ", "Zm9vOmJhcg==", "\u0130", "\x0b", ",", ";", "# "),
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
@settings(max_examples=400)
def test_looking_at_the_lines_that_may_hold_one_finds_what_a_look_at_all_finds(text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("contexts.redaction.lines_with", lambda text, words: [(0, len(text))])
        all_of_it = redact(text)
    assert redact(text) == all_of_it


def test_lines_with_words_are_found_in_order_and_once() -> None:
    text = "a key\nnothing\nTOKEN and key\n\nlast token"
    found = lines_with(text, ("key", "token"))
    assert [text[start:end] for start, end in found] == ["a key\n", "TOKEN and key\n", "last token"]
    assert lines_with("\u0130 key\nb", ("key",)) == [(0, 7)]
    assert lines_with("nothing", ("key",)) == []
