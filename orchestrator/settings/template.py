"""The settings file that `muster settings init` writes."""

from __future__ import annotations

TEMPLATE = """\
# Settings of Muster. `muster settings` shows what is in force and where each value comes from;
# variables of the environment (MUSTER_…) are stronger than this file.
#
# A path on Windows stands in single quotes, 'C:\\Muster\\app.pfx', or with forward slashes, "C:/Muster/app.pfx":
# in double quotes a backslash begins an escape.

# Where jobs are kept. Without it: a SQLite file in your data folder.
# database_url = "sqlite:///C:/Muster/muster.db"
# database_url = "postgresql://muster@db.contoso.example/muster"

# The tenant that is meant where a command names none.
# default_tenant = "contoso"

# Devices above which the count is asked about before anything is called.
# confirm_above = 1000

# How long finished jobs are kept, in days.
# keep_days = 90

# What all tenants share. Each may say something else in its own table.
# [tenant_defaults]
# client_id = "00000000-0000-0000-0000-000000000000"
# client_certificate = 'C:\\Muster\\app.pfx'
# client_certificate_password_file = 'C:\\Muster\\app.pfx.password'
# cloud = "global"                  # usgov, usgov-dod, china
# write_limit = "200/20s"           # calls in so many seconds
# inventory_refresh = "0 1 * * *"   # when `muster serve` reads the devices anew: cron, in UTC

# One table for each tenant; `muster tenant add NAME …` writes one, `muster tenant check NAME` tries it.
# [tenants.contoso]
# tenant_id = "00000000-0000-0000-0000-000000000000"
# client_id = "00000000-0000-0000-0000-000000000000"
# One way to sign in; a relative path begins at the folder of this file:
# client_secret_file = 'secrets/client-secret-contoso.txt'
"""
