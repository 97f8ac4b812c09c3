"""What secrets look like, and what only looks like one.

Every pattern begins at a fixed word, has no nested repetition and matches a bounded length, so
that time grows with the length of the text alone.
"""

import re

# Names that make what follows a secret; the group is the KIND. They must end the label:
# `password_field` and `token_count` are none.
NAMES = r"""
    (?P<password> passw(?:or)?d | passphrase | passcode | pwd
      | (?:db|smtp|mysql|postgres|pg|redis|mongo|mail|ldap|ftp|ssh|admin|root|user|sudo)[_-]?pass )
  | (?P<aws_secret_key> secret[ _.-]?access[ _.-]?key )
  | (?P<secret_key> secret[ _.-]?key(?:_base)? )
  | (?P<secret> secret )
  | (?P<private_key> (?:private|ssh)[ _.-]?key )
  | (?P<api_key> (?:api|access|auth|account|signing|encryption|master|subscription|consumer|app
      |jwt|hmac)[ _.-]?key )
  | (?P<token> token )
  | (?P<credentials> credentials? )
"""
NAME_AT_END = re.compile(rf"(?:{NAMES})\Z", re.IGNORECASE | re.VERBOSE)
KINDS = tuple(NAME_AT_END.groupindex)
# Tokens that are words of a model or places in a list, not credentials.
HARMLESS_TOKEN = re.compile(
    r"(?:max|min|num|per|pad|eos|bos|unk|mask|sep|cls|stop|start|end|special|next|page|first|last"
    r"|continuation|sync|cursor|cancellation)[ _-]?\Z",
    re.IGNORECASE,
)
MARKER = re.compile(r"(?:(?:bearer|basic|token)\s+)?\[redacted:\w+\]", re.IGNORECASE)
PLACEHOLDER = re.compile(
    r"""
    \$\{\{?[^{}]*\}?\} | \$\([^()]*\) | \$[A-Z_][A-Z0-9_]* | \$[a-z_]+ | [#]?\{\{?[^{}]*\}?\}
  | %\w+% | %[sdr] | %\(\w+\)s | <[^<>]*> | \[[^\[\]]*\] | [*.?_\u2022\u2026-]+ | (?i:x{3,})
  | (?i:your)[_-][\w-]* | [A-Za-z_][\w.]*(?:\([^()]*\)|\[[^\[\]]*\])
    """,
    re.VERBOSE,
)
LITERAL = re.compile(
    r"none|null|nil|undefined|true|false|yes|no|on|off|str|string|bytes|int|integer|number|bool"
    r"|boolean|float|any|object|optional|required|hidden|secretstr|await|new|not|lambda|self|this",
    re.IGNORECASE,
)
REFERENCE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
HOLDER = re.compile(
    r"(?:self|this|settings|config|cfg|env|os|process|args|opt(?:ion)?s|req(?:uest)?|secrets)\."
)
PATH = re.compile(r"(?:~|\.{1,2})?/\S*|[A-Za-z]:\\\S*")

# An end line, or cut off before it: then as far as the lines look like base64.
PEM = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:"
    r"[^-]*+(?:-(?!----)[^-]*+)*+-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:(?:\s|\\[nr])*+[A-Za-z0-9+/=]{16,}+)++(?:(?:\s|\\[nr])*+[A-Za-z0-9+/=]*+\Z)?)"
)
# Nor a hyphen before a JWT: each run of its characters is read once.
JWT = r"(?:(?<![\w-])|(?<=\\[nrt]))eyJ[\w-]{5,}+\.eyJ[\w-]{3,}+\.[\w-]*+"
# No letter or digit before it, but the `n` of an escaped line feed may be one.
START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
# KIND, lower-case needles of which one must be there (most texts have none), shape.
SHAPES = [
    (kind, needles.split(), re.compile(pattern, re.ASCII))
    for kind, needles, pattern in (
        ("private_key", "private", PEM),
        ("anthropic_key", "sk-ant-", START + r"sk-ant-[\w-]{10,}"),
        (
            "openai_key",
            "sk-",
            START + r"sk-(?:(?:proj|svcacct|admin|None|or)-[\w-]{16,}|[^\W_]{20,})",
        ),
        ("aws_access_key", "akia asia abia", START + r"A[KSB]IA[A-Z0-9]{16,}"),
        ("aws_bedrock_key", "absk", START + r"ABSK[A-Za-z0-9+/]{100,}=*"),
        ("github_token", "github_pat_", START + r"github_pat_\w{20,}"),
        ("github_token", "ghs_", START + r"ghs_\d{1,20}_eyJ[\w.-]{20,}"),
        ("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", START + r"gh[pousr]_[^\W_]{20,}"),
        (
            "gitlab_token",
            "glpat- gldt- glrt- glptt- glsoat- glcbt- glft- gloas- glagent- glimt-",
            START + r"gl(?:pat|dt|rt|ptt|soat|cbt|ft|oas|agent|imt)-[\w-]{16,}(?:\.\w+)*",
        ),
        ("slack_token", "xox xapp-", START + r"(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}"),
        ("stripe_key", "k_live_ k_test_", START + r"[sr]k_(?:live|test)_[^\W_]{10,}"),
        ("stripe_key", "whsec_", START + r"whsec_[A-Za-z0-9+/=]{20,}"),
        ("google_api_key", "aiza", START + r"AIza[\w-]{30,}"),
        ("google_token", "gocspx- ya29.", START + r"(?:GOCSPX-|ya29\.)[\w-]{20,}"),
        ("npm_token", "npm_", START + r"npm_[^\W_]{30,}"),
        ("pypi_token", "pypi-", START + r"pypi-(?:AgE[\w-]{10,}|\w{40,})"),
        ("huggingface_token", "hf_", START + r"hf_[^\W_]{30,}"),
        ("agent_key", "ctx_", START + r"ctx_[\w-]{40,}"),
        ("slack_webhook", "hooks.slack.com/", r"(?<=hooks\.slack\.com/services/)[\w/]{20,}"),
        ("discord_webhook", "/api/webhooks/", r"(?<=/api/webhooks/)\d{15,22}/[\w-]{40,}"),
        ("sendgrid_key", "sg.", START + r"SG\.[\w-]{16,}\.[\w-]{16,}"),
        ("mailgun_key", "key-", r"(?:(?<![\w-])|(?<=\\[nrt]))key-[0-9a-f]{32}(?![0-9a-f])"),
        ("digitalocean_token", "_v1_", START + r"do[opr]_v1_[0-9a-f]{40,}"),
        ("telegram_token", ":aa", r"(?<!\d)\d{8,10}:AA[\w-]{30,}"),
        ("docker_token", "dckr_", START + r"dckr_[po]at_[\w-]{20,}"),
        ("vault_token", "hvs. hvb. hvr.", START + r"hv[sbr]\.[\w-]{20,}"),
        ("shopify_token", "shp", START + r"shp(?:at|ca|pa|ss|tk)_[0-9a-f]{30,}"),
        ("linear_key", "lin_", START + r"lin_(?:api|oauth)_[^\W_]{30,}"),
        ("databricks_token", "dapi", START + r"dapi[0-9a-f]{32}"),
        ("square_token", "sq0", START + r"sq0[a-z]{3}-[\w-]{20,}"),
        ("age_key", "age-secret-key-1", START + r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
        ("grafana_token", "glsa_ glc_", START + r"gl(?:sa|c)_[\w=-]{30,}"),
        ("sentry_token", "sntry", START + r"sntry[su]_[\w+/=-]{40,}"),
        ("planetscale_token", "pscale_", START + r"pscale_(?:tkn|pw|oauth)_[\w-]{30,}"),
        ("rubygems_key", "rubygems_", START + r"rubygems_[0-9a-f]{40,}"),
        ("doppler_token", "dp.", START + r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}"),
        ("figma_token", "figd_", START + r"figd_[\w-]{30,}"),
        ("newrelic_key", "nrak-", START + r"NRAK-[A-Z0-9]{20,}"),
        ("replicate_token", "r8_", START + r"r8_[^\W_]{30,}"),
        ("groq_key", "gsk_", START + r"gsk_[^\W_]{40,}"),
        ("xai_key", "xai-", START + r"xai-[^\W_]{40,}"),
        ("perplexity_key", "pplx-", START + r"pplx-[^\W_]{40,}"),
        ("notion_token", "ntn_", START + r"ntn_[^\W_]{40,}"),
        ("notion_token", "secret_", START + r"secret_(?=[A-Za-z]*\d)[^\W_]{43}(?!\w)"),
        ("supabase_key", "sbp_ sb_secret_", START + r"(?:sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,})"),
        ("atlassian_token", "atatt3 atctt3", START + r"AT[AC]TT3[\w=-]{60,}"),
        ("langsmith_key", "lsv2_", START + r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{6,}"),
        ("netlify_token", "nfp_", START + r"nfp_[^\W_]{30,}"),
        ("posthog_key", "phx_", START + r"phx_[^\W_]{40,}"),
        ("hubspot_token", "pat-", START + r"pat-(?:na|eu|ap)\d-[0-9a-f-]{36}"),
        ("dynatrace_token", "dt0", START + r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
        ("terraform_token", ".atlasv1.", START + r"[^\W_]{14}\.atlasv1\.[\w-]{60,}"),
        ("fly_token", "fm2_ fm1", START + r"fm(?:2_|1[ar]_)[A-Za-z0-9+/=]{60,}"),
        ("azure_client_secret", "8q~", START + r"[\w.~-]{3}8Q~[\w.~-]{31,}"),
        ("mapbox_token", "sk.eyj", START + r"sk\.eyJ[\w-]{40,}\.[\w-]{20,}"),
        ("tailscale_key", "tskey-", START + r"tskey-[a-z]+-[\w-]{20,}"),
        ("pulumi_token", "pul-", START + r"pul-[0-9a-f]{40}"),
        ("postman_key", "pmak-", START + r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
        ("twilio_key", "sk", r"SK(?<!\wSK)[0-9a-f]{32}(?!\w)"),
        ("heroku_key", "hrku-", START + r"HRKU-[\w-]{30,}"),
        ("brevo_key", "xkeysib- xsmtpsib-", START + r"x(?:key|smtp)sib-[0-9a-f]{64}-\w{10,}"),
        ("mailchimp_key", "-us", r"(?<![\w-])[0-9a-f]{32}-us\d{1,2}(?!\w)"),
        ("contentful_token", "cfpat-", START + r"CFPAT-[\w-]{40,}"),
        ("onepassword_token", "ops_eyj", START + r"ops_eyJ[\w=+/-]{100,}"),
        ("sourcegraph_token", "sgp_", START + r"sgp_(?:[0-9a-f]{16}_)?[0-9a-f]{40}"),
        ("sonar_token", "squ_ sqp_ sqa_", START + r"sq[upa]_[0-9a-f]{40}"),
        ("elevenlabs_key", "sk_", r"sk_(?<!\wsk_)[0-9a-f]{48}(?!\w)"),
        ("buildkite_token", "bkua_", START + r"bkua_[0-9a-f]{40}"),
        ("jwt", "eyj", JWT),
    )
]

# A word that must be in the text for the patterns below. No match of LABELLED, FLAG and
# AUTHORIZATION, nor what they look at around it, goes beyond its line: `lines_with` relies on that.
AUTHORIZED = ("bearer", "authorization")
LABELS = ("pass", "pwd", "secret", "key", "token", "credential")

BARE = r"""(?:[^\s"'`,;&|<>(){}\[\]\\]|\\(?![nrt"'\\]))"""
OPEN = r"""(?:[bBrRuUfF]{0,2}|\$)(?P<quote>\"{3}|'{3}|\\{1,7}["']|["'`])"""
QUOTED = r"""(?P<quoted>(?:(?!(?P=quote)|\n)(?:\\[^\n]|[^\\\n]))*+)(?=(?P=quote)|\Z)"""
# What makes a value of a quoted text, where other calls only look one up: `getpass("Password: ")`.
MADE = r"(?:Secret(?:Str|String|Bytes)(?:::(?:new|from))?|(?:Secret|String)::(?:new|from))"
LABELLED = re.compile(
    rf"""(?:{NAMES})(?P<closed>\\*["'`]\]?)?
    (?P<by>[ \t]{{0,16}}:[ \t]{{0,4}}[A-Za-z_][\w.]{{0,40}}(?:\[[^\]\n]{{0,40}}\])?
         (?:[ ]?\|[ ]?None)?(?:[ \t]{{1,4}}=(?!=)[ \t]{{0,16}}|=(?=["']))
       |[ \t]{{1,4}}string[ \t]{{1,4}}=(?!=)[ \t]{{0,16}}(?=["`])
       |[ \t]{{0,16}}(?::=|=>|\?=|={{1,3}}|:(?!:|//))[ \t]{{0,16}})
    (?:(?:{MADE}\()?{OPEN}{QUOTED}|(?P<bare>(?![=:]|\#[ ]){BARE}{{1,256}}+))""",
    re.IGNORECASE | re.VERBOSE,
)
FLAG = re.compile(
    rf"""(?<![\w-])--[a-z0-9-]{{0,30}}?(?:{NAMES})(?P<closed>)(?P<by>[ \t]{{1,4}})
    (?:{OPEN}{QUOTED}|(?P<bare>(?!-){BARE}{{1,256}}+))""",
    re.IGNORECASE | re.VERBOSE,
)
AUTHORIZATION = re.compile(
    r"""authorization(?:\\*["'`]\]?)?[ \t]{0,8}[:=][ \t]{0,8}(?:\\*["'`])?
        (?:bearer|basic|token|api-?key|negotiate|splunk|bot)[ \t]{1,8}(?P<bare>[^\s"'`,;<>\\]++)
      | (?<![A-Za-z0-9])bearer[ \t]{1,8}(?P<long>(?=[A-Z._~+/-]*+[0-9=])[A-Z0-9._~+/=-]{16,}+)""",
    re.IGNORECASE | re.VERBOSE,
)
# Digits are a port, a digest after the @ is an image's (`docker://alpine:3.19@sha256:…`).
URL = re.compile(
    r"""://[^\s:/@\[\]"'`<>]{0,200}:(?!\d{1,5}[/?#,])
    (?P<bare>[^\s"'`/?\#]{1,500}(?=@)|[^\s"'`@]{1,500})@(?!sha\d+:)""",
    re.VERBOSE,
)
# What is left of an unquoted value: a match itself stays short, or texts of nothing but labels
# would be read to their end again from every one of them.
REST = re.compile(rf"{BARE}*+", re.VERBOSE)
OPERATOR = re.compile(r"[ \t]+(?:or|and|if|\+|\|\||\?)[ \t]")
PROSE = re.compile(r"[ \t]+[A-Za-z]")
SCHEME = re.compile(r"\A(?:bearer|basic|token)\s+", re.IGNORECASE)
PATH_BEFORE = re.compile(r"/[\w.-]*\Z")  # `/etc/passwd: Permission denied`
# Of more digits a number is rather a key than a count.
LONGEST_COUNT = 11
NUMBER = re.compile(r"[\d:.,%]+")
NO_DIGITS = re.compile(r"[A-Za-z_]+")
SPACE = re.compile(r"\s")
WORD = re.compile(r"\w")
