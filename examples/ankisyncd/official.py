"""The official Anki sync server on folders that Enlist made: two clients of one person log in, sync, and find each other's note.

Usage: official.py BASE NAME PASSWORD. Needs the package `anki`. Nothing but BASE and a temporary folder is touched.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from anki.collection import Collection
from anki.errors import SyncError

base, name, password = sys.argv[1:]
home = Path(base) / name
assert home.is_dir(), f"Enlist made {home}"
mode = home.stat().st_mode

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
endpoint = f"http://127.0.0.1:{port}/"
environment = {
    **os.environ,
    "SYNC_HOST": "127.0.0.1",
    "SYNC_PORT": str(port),
    "SYNC_BASE": base,
    "SYNC_USER1": f"{name}:{password}",
    "RUST_LOG": "warn",
}
# Neither side of a loopback connection goes through a proxy.
for variable in [v for v in environment if v.lower().endswith("_proxy")]:
    del environment[variable]
    os.environ.pop(variable, None)
server = subprocess.Popen([sys.executable, "-m", "anki.syncserver"], env=environment)


def ready():
    try:
        with urllib.request.urlopen(endpoint + "health", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


FULL_DOWNLOAD, FULL_UPLOAD = 3, 4
try:
    until = time.monotonic() + 60
    while not ready():
        assert server.poll() is None, "the sync server ended"
        assert time.monotonic() < until, "the sync server does not answer"
        time.sleep(0.05)
    with tempfile.TemporaryDirectory() as folder:
        first = Collection(os.path.join(folder, "first.anki2"))
        try:
            first.sync_login(username=name, password="wrong", endpoint=endpoint)
            raise AssertionError("a wrong password was let in")
        except SyncError as error:
            print("ok   a wrong password is turned away:", error)
        auth = first.sync_login(username=name, password=password, endpoint=endpoint)
        print("ok   the first client is let in")
        note = first.new_note(first.models.by_name("Basic"))
        note["Front"], note["Back"] = "who made this folder?", "Enlist"
        first.add_note(note, first.decks.id("Default"))
        needed = first.sync_collection(auth, False).required
        assert needed == FULL_UPLOAD, needed
        first.close_for_full_sync()
        first.full_upload_or_download(auth=auth, server_usn=None, upload=True)
        first.reopen(after_full_sync=True)
        first.close()
        assert (home / "collection.anki2").is_file(), "the collection is in the folder"
        print("ok   its collection is in the folder that Enlist made")
        second = Collection(os.path.join(folder, "second.anki2"))
        auth = second.sync_login(username=name, password=password, endpoint=endpoint)
        needed = second.sync_collection(auth, False).required
        assert needed == FULL_DOWNLOAD, needed
        second.close_for_full_sync()
        second.full_upload_or_download(auth=auth, server_usn=None, upload=False)
        second.reopen(after_full_sync=True)
        assert second.note_count() == 1, second.note_count()
        found = second.get_note(second.find_notes("")[0])
        assert found["Back"] == "Enlist", found.fields
        second.close()
        print("ok   the second client finds the note")
    assert home.stat().st_mode == mode, "the folder's mode"
    print("ok   the folder's mode is as Enlist set it")
finally:
    server.terminate()
    server.wait()
