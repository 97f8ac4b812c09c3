"""A hub and three nodes in one process, on a network that loses, doubles and delays.

Each party has an SQLite database in memory; the one that acts is Django's default database.
Only the HTTP in between is made up: what crosses it goes through JSON. Everything that chance
decides comes from one seed, so a run can be had again.
"""
