"""An ankisyncd as people have it: its configuration, auth.db, session.db, a folder for each person; and how it checks a password.

Written from what those files look like, with Python's standard library alone, so that it agrees with Enlist only where both agree with
ankisyncd (https://github.com/ankicommunity/ankicommunity-sync-server). Refuses to import anything of Enlist's.
"""

import hashlib
import json
import os
import sqlite3
import uuid
from pathlib import Path

KEY = "a-provision-key-of-this-house-4711"
POOL, REGION = "eu-west-1_EXAMPLE", "eu-west-1"
ISSUER = f"https://cognito-idp.{REGION}.amazonaws.com/{POOL}"

CONFIGURATION = f"""\
[sync_app]
# as the guide has it
host = 127.0.0.1
port = 27702
data_root = ./collections/users
base_url = /sync/
base_media_url = /msync/
auth_db_path = ./auth.db
session_db_path = ./session.db

cognito_user_pool_id = {POOL}
cognito_client_id = 1example23456789
cognito_region = {REGION}

; User provisioning API key (for Cognito triggers)
provision_api_key: {KEY}
"""

# What the old endpoint sets for everybody.
OLD_PASSWORD = "cognito_user"

# The text that ankisyncd's own statement leaves in sqlite_master.
TABLE = """CREATE TABLE auth
                     (username VARCHAR PRIMARY KEY, hash VARCHAR)"""
SESSIONS = "CREATE TABLE session (hkey VARCHAR PRIMARY KEY, skey VARCHAR, username VARCHAR, path VARCHAR)"


def hash_of(username, password, salt=None):
    """hex(sha256(username + password + salt)) + salt, the salt as 16 hexadecimal digits."""
    salt = salt or os.urandom(8).hex()
    return hashlib.sha256((username + password).encode() + salt.encode()).hexdigest() + salt


# Computed by hand with sha256sum, beforehand.
assert hash_of("a", "bc", "0000000000000000").startswith("64e18d00d6dae385"), "the hash"


def lets_in(auth_db, username, password):
    """What ankisyncd does when somebody logs in."""
    with_db = sqlite3.connect(f"file:{auth_db}?mode=ro", uri=True)
    try:
        row = with_db.execute("SELECT hash FROM auth WHERE username = ?", (username,)).fetchone()
    finally:
        with_db.close()
    return row is not None and hash_of(username, password, row[0][-16:]) == row[0]


def password_of(name):
    return f"the old password of {name}"


class Person:
    """Somebody in the pool, and the name that they have had since before."""

    def __init__(self, number, name=None, username=None, email=None, verified=True, row=True, folder=True):
        self.subject = str(uuid.UUID(int=0x5AB0_0000_0000_0000_0000_0000_0000_0000 + number))
        self.email = email or f"person{number}@example.com"
        self.username = username or self.subject
        self.name = {"sub": self.subject, "username": self.username, "email": self.email}.get(name, name)
        self.verified, self.row, self.folder = verified, row, folder

    def as_the_pool_lists_them(self):
        attributes = {"sub": self.subject, "email": self.email, "email_verified": str(self.verified).lower()}
        return {
            "Username": self.username,
            "Attributes": [{"Name": name, "Value": value} for name, value in attributes.items()],
            "UserCreateDate": "2025-07-18T10:00:00+00:00",
            "Enabled": True,
            "UserStatus": "CONFIRMED",
        }

    def as_the_old_trigger_sends_them(self):
        return {
            "username": self.username,
            "email": self.email,
            "cognito_user_id": self.username,
            "user_attributes": {"sub": self.subject, "email": self.email, "email_verified": str(self.verified).lower()},
        }


def people(count):
    """As many as that, under the four kinds of names that its versions gave, and one with a folder alone, one with a row alone."""
    kinds = ["sub", "username", "email", "local part"]
    for number in range(count):
        email = f"person{number}@example.com"
        kind = kinds[number % 4]
        if kind == "local part":
            yield Person(number, f"person{number}", f"u-{number}", email)
        elif kind == "username":
            yield Person(number, "username", f"member.{number}", email)
        else:
            yield Person(number, kind, None, email)
    yield Person(count, "username", "folder-alone", row=False)
    yield Person(count + 1, "username", "row-alone", folder=False)


# Who can be told from nothing that the pool says: their names stay theirs, and nobody gets them.
NOBODYS = ["old-hand", "Jim Beam", "Zoë", "..hidden"]


def build(place, somebody):
    """Lays it all out below `place`."""
    place.mkdir(parents=True)
    root = place / "collections" / "users"
    root.mkdir(parents=True)
    (place / "ankisyncd.conf").write_text(CONFIGURATION)
    auth = sqlite3.connect(place / "auth.db")
    auth.execute(TABLE)
    sessions = sqlite3.connect(place / "session.db")
    sessions.execute(SESSIONS)
    names = [(person.name, person.row, person.folder) for person in somebody]
    names += [(name, name != "old-hand", True) for name in NOBODYS] + [("only-a-row", True, False)]
    for name, row, folder in names:
        if row:
            auth.execute("INSERT INTO auth VALUES (?, ?)", (name, hash_of(name, password_of(name))))
        if folder:
            home = root / name
            home.mkdir(mode=0o755)
            (home / "collection.anki2").write_bytes(b"the collection of " + name.encode())
            (home / "media").mkdir()
        path = str((root / name).absolute())
        sessions.execute("INSERT INTO session VALUES (?, ?, ?, ?)", (os.urandom(16).hex(), "s", name, path))
    for database in (auth, sessions):
        database.commit()
        database.close()
    os.chmod(place / "auth.db", 0o644)
    list_users(place, somebody)


def list_users(place, somebody):
    """What `aws cognito-idp list-users` prints."""
    users = {"Users": [person.as_the_pool_lists_them() for person in somebody]}
    (place / "users.json").write_text(json.dumps(users))


def provision(place, name):
    """What the old endpoint does: a row with the password that it sets for everybody, and an empty folder."""
    auth = sqlite3.connect(place / "auth.db")
    auth.execute("INSERT INTO auth VALUES (?, ?)", (name, hash_of(name, OLD_PASSWORD)))
    auth.commit()
    auth.close()
    (place / "collections" / "users" / name).mkdir(mode=0o755)


def print_of(place):
    """Every file and folder below it: kind, mode, owner, time of change and content."""
    found = {}
    for path in sorted([place, *place.rglob("*")]):
        stat = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        found[str(path.relative_to(place))] = (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_mtime_ns, content)
    return found


def rows_of(auth_db):
    database = sqlite3.connect(f"file:{auth_db}?mode=ro", uri=True)
    try:
        return dict(database.execute("SELECT username, hash FROM auth"))
    finally:
        database.close()


def manner_of(auth_db):
    """What of the file must never change."""
    stat = Path(auth_db).stat()
    database = sqlite3.connect(f"file:{auth_db}?mode=ro", uri=True)
    try:
        schema = database.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        pragmas = [database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "user_version", "page_size")]
    finally:
        database.close()
    return stat.st_mode, stat.st_uid, stat.st_gid, schema, pragmas
