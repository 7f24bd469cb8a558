"""The words of the config.toml that `spendwatch init` writes: what the shipped file says too."""

HEAD = """\
# Written by `spendwatch init`; `spendwatch check` tells everything that is wrong with it.
# A line that begins with "# key =" shows a default: take the "# " away to change it.
# Outside of lists the environment wins: SPENDWATCH_SERVICE__TIME_ZONE=UTC, and so on.
# Passwords and keys must not stand here; they are taken from the environment alone.
# docs/configuration.md says more.
"""

SERVICE = """\
# database_url = "sqlite:///data/spendwatch.db"  # relative paths begin at this file's folder
# data_dir = "data"            # folder for everything spendwatch writes itself
# settle_hours = 2             # a day is judged this long after it ended everywhere; 0 to 72
# final_hours = 48             # and may change until so long after it; settle_hours to 720
# refresh_hours = 6            # `run` asks a source again this often, for late rows; 1 to 24
# running_minutes = 30         # and this often for the day that still runs; 5 to 360
# patience_minutes = 60        # and waits this long for one that does not answer; 1 to 1440
# retention_days = 400         # older costs are removed; alerts and answers never; 120 to 4000
# min_free_mb = 100            # with less room on the disk nothing is judged; 0 to 1000000
# backup_dir = "data/backups"  # folder for backups of the database (default: in data_dir)
# backup_at = "03:00"          # when one is made each night, in this time zone; or "off"
"""

SAMPLE_SOURCE = """\
# Where usage comes from: a company made up from a seed, to try everything with.
[[sources]]
kind = "sample"
name = "sample"
seed = 7                       # another seed, another company; 0 to 2147483647
first_day = 2026-06-01         # no usage before this day
# last_day = 2026-12-31        # none after it (default: goes on for ever)
"""

CSV_SOURCE = """\
# columns = { tenant = "customer", cost_usd = "price" }  # our name = the file's, where they differ
# grain = "hour"               # how long a row lasts where times are given: hour, quarter_hour
# scope = "global"             # where the models are served, if no column says so (default unknown)
"""

AZURE = """\
# A gateway (Azure API Management) whose telemetry is in Azure Monitor; `spendwatch check --live`
# tells what it can and cannot say of your tenants.
# [[sources]]                  # its logs: calls, joined with their tokens
# kind = "azure_logs"
# name = "apim"
# workspace_id = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"  # of the Log Analytics workspace
# apis = ["chat-api"]          # ids of APIs (default: all that tokens are logged of)
# tenant = [{ carrier = "request_header", name = "x-tenant-id" }, { carrier = "subscription" }]
# feature = [{ carrier = "api", ids = { chat-api = "chat" } }]  # the first that answers; or `file`
# slot = "auto"                # hour, quarter_hour; auto: what the tenants' time zones need
# scope = "global"             # where the models are served (default unknown, priced as global)
# scopes = [{ backend = "ptu-*", scope = "ptu" }, { deployment = "eu-*", scope = "datazone_eu" }]
# spillover_scope = "global"   # of calls that a provisioned deployment handed on
# cached_tokens_header = "X-Cached-Tokens"  # logged response header with the cached tokens
# [[sources]]                  # its metrics, where logs cannot be had; silent loss from 100 tenants
# kind = "azure_metrics"
# name = "apim-metrics"
# workspace_id = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"  # or application_insights = its resource id
# services = ["apim-prod"]     # names of gateways (default: all)
# tenant = [{ carrier = "dimension", name = "Subscription ID", file = "subscriptions.csv" }]
# model_dimension = "Model"    # what your policy calls it; "" where it sends none, as the next
# deployment_dimension = ""
# api_dimension = "API ID"
# streamed_dimension = ""
# [[sources]]                  # any other gateway: a query of your own
# kind = "kusto_query"
# name = "other"
# workspace_id = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
# query = "usage.kql"          # relative to this file's folder
# columns = { tenant = "Team", start_at = "Slot" }  # our name = the query's, where they differ
# grain = "hour"               # how long a row lasts: hour, quarter_hour, day
# [azure]                      # who asks; needs the role Log Analytics Reader
# cloud = "public"             # public, us_government, china
# credential = "default"       # default, managed_identity, workload_identity, client_secret
# tenant_id = "contoso.onmicrosoft.com"  # the directory; needed for a client secret, as the next
# client_id = "1f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"  # also: which managed identity
# query_timeout_s = 180        # one query takes at most this long; 10 to 600
# run_timeout_s = 900          # all queries of one pull together; 10 to 86400
# endpoint = "https://api.loganalytics.io"  # where queries are sent to (default: the cloud's)
"""

RECEIVER = """\
# digest = "daily"             # daily, weekly, off: what need not wake anybody, and "all quiet" too
# digest_at = "08:00"          # in the receiver's time zone
# digest_day = "monday"        # of a weekly digest
# time_zone = "Europe/Berlin"  # the receiver's own (default: the service's)
# quiet_hours = "22:00-07:00"  # then only what is critical is told, the rest after (default "off")
# fallback = "controlling"     # told what is critical where this one is not reached (default:
                               # alerts.receiver)
# escalate_to = "controlling"  # told of what nobody answers here (default: nobody)
"""

SLACK = """\
# [[receivers]]                # a conversation in Slack: docs/slack.md, from a token to a button
# kind = "slack"
# name = "spend"
# conversation = "C0123ABCD"   # its id, not its name
# [slack]                      # its tokens come from the environment alone
# may_answer = ["U0123ABCD"]   # people, and user groups (S...), who may answer every alert
# workspace = "T0123ABCD"      # whose people may answer (default: the bot token's workspace)
# timeout_s = 10               # one call takes at most this long; 1 to 60
# lookup_after_s = 60.0        # what may have been posted is posted again no sooner; 0 to 600
# post_apart_s = 1.05          # between two messages in one conversation; 0 to 60
# posts_a_minute = 200         # in all conversations; 1 to 10000, as the next two
# edits_a_minute = 45          # changes of messages
# looks_a_minute = 45          # looks at the history
# edit_apart_s = 3.0           # between two changes of one message that nobody answered; 0 to 600
# probe_s = 60.0               # how often a refused token is tried again; 0 to 3600
# base_url = "https://slack.com/api/"  # where Slack's methods are
"""

MAIL = """\
# [[receivers]]                # people, by mail: docs/email.md
# kind = "email"
# name = "controlling"
# addresses = ["ann@example.com", "bob@example.com"]  # each gets a mail of their own
# [email]                      # its password, or key, comes from the environment alone
# sender = "Spendwatch <spendwatch@example.com>"
# transport = "smtp"           # or azure: Azure Communication Services
# answers = "off"              # link: mails lead to a page on which they are answered
# host = "smtp.example.com"    # of smtp, as the next five
# port = 587
# security = "starttls"        # starttls, tls, none; a password is never sent in the clear
# user = "spendwatch"          # whose password it is (default: none is asked for)
# ca_file = "ca.pem"           # certificates to trust besides the system's
# timeout_s = 10               # one mail takes at most this long; 1 to 120
# endpoint = "https://NAME.communication.azure.com"  # of azure, as the next
# a_minute = 30                # mails a minute; 1 to 10000
"""

OUTBOUND = """\
# [[receivers]]                # a program of your own: docs/webhooks.md
# kind = "webhook"             # its key comes from the environment alone
# name = "billing"
# url = "https://hooks.example/spendwatch"
# [outbound]                   # of webhooks and of the heartbeat: docs/monitoring.md
# heartbeat_url = ""           # called while all is well, so that silence is heard; a secret too
# heartbeat_minutes = 5        # how often; 1 to 1440
# timeout_s = 10               # one call takes at most this long; 1 to 60
# private_hosts = []           # names and networks that may be called though they are private
# ca_file = "ca.pem"           # authorities of your own (default: those of this machine alone)
"""

ALERTS = """\
[alerts]
receiver = "console"           # who hears of a tenant that names nobody, or that is not listed
# worse_factor = 1.5           # tell again when an alert is this many times worse; above 1, to 100
# reminder_hours = 24          # tell once more what nobody answered for so long, or "off"
# escalate_minutes = 60        # and tell escalate_to of its receiver, or "off"
# escalate_from = "critical"   # what is at least so grave: critical, warning, notice
# group_above = 5              # more news than this from one run is one message
# learning_days = 0            # spikes and drops of the first days go to the digest alone; 0 to 365

# Alerts of which another receiver is told: of several routes the first that fits decides.
# [[routes]]
# tenant = "contoso*"          # a tenant, or a pattern; name at least one of the first four
# kind = "spend spike"
# severity = "critical"        # at least so grave: critical, warning, notice
# cost_centre = "CC-1001"      # tenants of this cost centre
# receiver = "console"
"""

TENANTS = """\
# Tenants: those who spend. One that is not listed is watched all the same, without a budget.
# [[tenants]]
# id = "contoso"               # as usage names it; upper case and spaces around it do not count
# name = "Contoso Ltd"         # as people call it (default: the id)
# aliases = ["contoso-prod"]   # further ids that mean this tenant, such as its old name
# owner = "Aiko Tanaka"        # called when critical; with a Slack id such as U0123ABCD, may answer
# cost_centre = "CC-1001"      # shown beside the costs
# time_zone = "UTC"            # default: the service's
# receiver = "console"         # default: alerts.receiver
# detection = { z = 4.0, min_excess_usd = 20 }  # its own rules; the rest as below
# [[tenants.budgets]]
# feature = "chat"             # a budget for one feature (default: for the whole tenant)
# cap = 2500                   # "12.50" in quotes if it has decimals; 0: nothing may be spent;
                               # "none", or no cap at all: no limit and no budget alerts
# period = "monthly"           # weekly, monthly, quarterly, yearly
# fiscal_start_day = 1         # 1 to 28; of a weekly budget 1 (Monday) to 7 (Sunday)
# fiscal_start_month = 1       # month in which the year, and so its quarters, begin; 1 to 12
# thresholds = [50, 80, 100]   # percent of the cap spent that are told, once each; 1 to 1000
# forecast_thresholds = [100]  # percent of the cap that the forecast reaches; 1 to 1000
"""

REST = """\
# How a day is judged, for everybody. In `detection` of a tenant all but the first five again.
[detection]
# method = "robust"            # points for named evidence; classic: z-score of the tenant's days
# window_days = 30             # how many days before the judged one are looked at; 7 to 180
# unattributed_percent = 5.0   # tell when more of a day's cost has no tenant; above 0, to 100
# tokenless_percent = 25.0     # or more of a day's calls told no tokens; above 0, to 100
# unattributed_names = ["unknown", "none", "-", "n/a"]  # what your gateway writes for no tenant
# min_days = 14                # usable days a z-score needs; 2 to window_days
# z = 3.0                      # how many spreads from the mean is abnormal; above 0, to 100
# bar = 0.0                    # of robust: higher tells less, and what it tells more surely
# direction = "both"           # both, up, down
# min_excess_usd = 5           # a smaller change is never told, however unusual
# min_excess_percent = 25.0    # nor one that is a smaller share of the mean; 0 to 10000
# scale_floor_percent = 5.0    # the spread counts as at least this share of the mean; 0 to 100
# scale_floor_usd = 1          # and as at least this much
# first_spend_usd = 50         # a new or long silent tenant is told from this cost on, or "off"
# young_guard_usd = 200        # one with too few usable days: this much above them, or "off"
# critical_excess_usd = 500    # from this change on an alert is critical
# early = true                 # tell of a day that still runs, where it cost more than it may

# What a budget uses where it says nothing else.
[budget_defaults]
# period = "monthly"
# fiscal_start_day = 1
# fiscal_start_month = 1
# thresholds = [50, 80, 100]
# forecast_thresholds = [100]
# forecast_probability = 0.8   # how likely a forecast must be before it is told; 0.5 to 0.99

# How much your answers teach.
[answers]
# false_alarm_factor = 1.25    # a false alarm raises the tenant's dollar floor to this times it;
                               # 1 to 10
# false_alarm_days = 30        # for so long; 1 to 365

# Alerts that are not told for a time; `spendwatch silence add` does the same at once.
# [[silences]]
# tenant = "contoso*"          # a tenant, or a pattern; name a tenant, a kind, a severity or more
# kind = "spend spike"
# severity = "warning"         # critical, warning, notice
# from = 2026-11-24T18:00:00   # in the service's time zone (default: from the first)
# until = 2026-11-30T09:00:00  # what still holds then is told
# comment = "migration"

# Spend that is to come; `spendwatch planned add` does the same at once.
# [[planned_events]]
# tenant = "contoso"
# first_day = 2026-11-24       # in the tenant's time zone
# last_day = 2026-11-26        # default: the first day
# ceiling = 900                # a spike up to this is not told; the days stay out of the baseline
# comment = "migration"

# Prices of your own beside the shipped ones.
[prices]
# file = "data/prices.toml"    # written by `spendwatch prices import` (default: in data_dir)

# [[prices.rates]]             # a price agreed with the provider, per 1M tokens
# tenant = "contoso"           # whom it is for: a tenant, a deployment or both
# deployment = "gpt-4o-prod"
# model = "gpt-4o"
# scope = "global"
# effective_from = 2026-07-01
# input = "2.00"
# cached_input = "1.00"        # default: cached tokens cost what others do
# output = "8.00"
# currency = "EUR"             # default: the service's

# [[prices.exchange_rates]]    # what one unit of another currency is worth in the service's
# currency = "EUR"
# rate = "1.08"
# effective_from = 2026-01-01

# What is served over HTTP, for Slack, probes and Prometheus: docs/web.md.
# [web]                        # its token and signing keys come from the environment alone
# listen = "off"               # "127.0.0.1:8080", "[::]:8080"; a port alone: this machine
# public_url = ""              # "https://spend.example": how others reach it
# proxies = []                 # whose X-Forwarded-For counts: addresses, networks
# requests_a_minute = 120      # of one client; 1 to 100000
"""
