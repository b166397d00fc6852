"""Creates a service's database and its two roles: an owner that migrates, and the service, which may not."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """URLs of one service's database."""

    url: str  # The service's own: reads and writes rows.
    migration_url: str  # The owner's: changes the schema.


async def provision(
    admin_url: str, service: str, *, database: str, role_prefix: str, password: str, owner_password: str
) -> ServiceDatabase:
    """Create what is missing and set the passwords; safe to repeat.

    Roles are ``<role_prefix><service>`` and the same with ``_owner``. Raises what PostgreSQL raises.
    """
    role, owner = f"{role_prefix}{service}", f"{role_prefix}{service}_owner"
    admin = await asyncpg.connect(admin_url, timeout=10)
    try:
        for name, secret in ((owner, owner_password), (role, password)):
            known = await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name)
            verb = "ALTER" if known else "CREATE"
            await admin.execute(f"{verb} ROLE {_name(name)} LOGIN PASSWORD {_literal(secret)}")
        await admin.execute(f"GRANT {_name(owner)} TO CURRENT_USER")
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await admin.execute(f"CREATE DATABASE {_name(database)} OWNER {_name(owner)}")
        await admin.execute(f"REVOKE ALL ON DATABASE {_name(database)} FROM PUBLIC")
        await admin.execute(f"GRANT CONNECT ON DATABASE {_name(database)} TO {_name(role)}")
    finally:
        await admin.close()
    migration_url = _url(admin_url, owner, owner_password, database)
    owned = await asyncpg.connect(migration_url, timeout=10)
    try:
        await owned.execute(
            f"""
            GRANT USAGE ON SCHEMA public TO {_name(role)};
            ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {_name(role)};
            ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO {_name(role)};
            """
        )
    finally:
        await owned.close()
    return ServiceDatabase(_url(admin_url, role, password, database), migration_url)


def _url(admin_url: str, role: str, password: str, database: str) -> str:
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        ("postgresql", f"{quote(role)}:{quote(password, safe='')}@{host}", f"/{database}", parts.query, "")
    )


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
