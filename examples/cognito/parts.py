"""The parts that `e2e` puts together: the server, the function in a Lambda of this machine, the user pool, and the wires between them.

Nothing here knows what ought to come of anything.
"""

import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATIENCE_S = 60
CODE = "123456"
PASSWORD = "Passw0rd!x"
# No setting of this machine's own gets in, a proxy's neither.
BARE = {"PATH": os.environ["PATH"]}

checks = 0
processes = []


def ok(what, holds, *found):
    global checks
    if not holds:
        print("FAIL", what, *found, sep="\n     ")
        print(f"{checks} passed, 1 failed")
        sys.exit(1)
    checks += 1
    print("ok  ", what)


def same(what, expected, found):
    ok(what, expected == found, f"expected: {expected}", f"found:    {found}")


def run(command, cwd, environment, stdout, stderr):
    process = subprocess.Popen(command, cwd=cwd, env={**BARE, **environment}, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
    processes.append(process)
    return process


def end_all():
    for process in processes:
        process.kill()
        process.wait()


def post(listen, path, body, headers=()):
    connection = http.client.HTTPConnection(listen, timeout=PATIENCE_S)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **dict(headers)})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Server:
    """One Enlist with the tenants `default` and `club`, whose issuer is given later."""

    def __init__(self, binary, place):
        self.binary, self.place, self.data = binary, place, place / "data"
        self.log = place / "enlist.log"
        self.secrets, self.addresses = [], []
        self.operator_key = None
        self.start()

    def start(self):
        command = [self.binary, "serve", "--data-dir", self.data, "--print-first-keys"]
        with open(self.log, "ab") as log:
            self.process = run(command, self.place, {"ENLIST_LISTEN": "127.0.0.1:0"}, subprocess.PIPE, log)
        line = self.process.stdout.readline()
        ok("the server starts", line, self.log.read_text())
        said = json.loads(line)
        self.listen = said["listen"]
        self.url = f"http://{self.listen}"
        self.addresses.append(self.listen)
        if "operator_key" in said:
            self.operator_key = said["operator_key"]
            self.secrets += [said["operator_key"], said["tenant_key"]]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        same("the server stops in order", 0, self.process.wait(timeout=PATIENCE_S))

    def enlist(self, *arguments):
        environment = {**BARE, "ENLIST_SERVER": self.url, "ENLIST_KEY": self.operator_key}
        ended = subprocess.run([self.binary, *arguments], env=environment, cwd=self.place, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if ended.returncode != 0:
            ok(f"enlist {' '.join(arguments)}", False, f"ended with {ended.returncode}", ended.stdout, ended.stderr)
        return ended.stdout

    def key(self, tenant):
        key = self.enlist("key", "create", "-t", tenant, "--scope", "provision", "--note", "trigger").strip()
        self.secrets.append(key)
        return key

    def record(self, tenant, subject):
        """What requests about somebody came to, as the server's own record has it."""
        rows = json.loads(self.enlist("-o", "json", "-t", tenant, "decisions", "list", "--applicant", subject))["items"]
        return [row["outcome"] for row in rows if not row["dry_run"]]

    def accounts(self):
        """Every row, whole, out of the database: nobody is asked who could leave something out."""
        with sqlite3.connect(f"file:{self.data}/enlist.db?mode=ro", uri=True) as database:
            database.row_factory = sqlite3.Row
            query = "SELECT accounts.*, tenants.name AS tenant_name FROM accounts JOIN tenants ON tenants.id = accounts.tenant ORDER BY accounts.id"
            return [dict(row) for row in database.execute(query)]

    def folders(self):
        """Everything in the home roots, with what would change if somebody touched it."""
        roots = [self.data / "collections", self.data / "tenants" / "club" / "homes"]
        found = {}
        for root in roots:
            for path in sorted(root.rglob("*")):
                status = path.lstat()
                found[str(path.relative_to(self.data))] = (status.st_ino, status.st_mode, status.st_uid, status.st_mtime_ns)
        return found

    def everything(self):
        return self.accounts(), self.folders()


class Wire:
    """Passes on whatever is posted to it and notes it. `hold` keeps requests back until so many are here, as a slow server would."""

    def __init__(self):
        self.to, self.hold = None, 0
        self.passed = []
        self.changed = threading.Condition()
        self.held = 0
        wire = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                wire.wait()
                kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length", "connection")}
                try:
                    status, headers, answer = post(wire.to, self.path, body, kept)
                except OSError:
                    return  # nobody there: the connection ends without an answer
                with wire.changed:
                    wire.passed.append((json.loads(body), "X-Amz-Function-Error" in headers, answer))
                    wire.changed.notify_all()
                try:
                    self.send_response(status)
                    for name in ("Content-Type", "X-Amz-Function-Error", "Retry-After"):
                        if name in headers:
                            self.send_header(name, headers[name])
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except ConnectionError:
                    pass  # whoever asked has stopped waiting

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.listen = f"127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def wait(self):
        with self.changed:
            self.held += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.held >= self.hold, PATIENCE_S)

    def events(self, source):
        with self.changed:
            return [passed for passed in self.passed if passed[0].get("triggerSource") == source]


class Function:
    """The trigger in the Lambda of this machine, with nothing in its environment but what is given."""

    every = []

    def __init__(self, local, trigger, place, variables, *delivered):
        command = [local, trigger, "--listen", "127.0.0.1:0", *delivered]
        self.process = run(command, place, variables, subprocess.PIPE, subprocess.STDOUT)
        self.lines, self.changed = [], threading.Condition()
        first = self.process.stdout.readline()
        ok("the function starts", b"listen" in first, first)
        self.listen = json.loads(first)["listen"]
        self.every.append(self)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.decode())
                self.changed.notify_all()

    def said(self, source, subject, count=1):
        """The lines about somebody, once there are so many: a line may come after its answer."""

        def found():
            lines = (json.loads(line) for line in self.lines if line.startswith("{"))
            return [line for line in lines if (line.get("trigger_source"), line.get("sub")) == (source, subject)]

        with self.changed:
            if not self.changed.wait_for(lambda: len(found()) >= count, PATIENCE_S):
                ok(f"{count} lines about {source}", False, *self.lines[-20:])
            return found()

    def invoke(self, event):
        """As Cognito does it: whether it is an error, and the body."""
        status, headers, body = post(self.listen, "/2015-03-31/functions/trigger/invocations", json.dumps(event))
        return (status, "X-Amz-Function-Error" in headers, json.loads(body))


class Pool:
    """A user pool in cognito-local, in which people sign in by their e-mail, and what its answers were."""

    def __init__(self, folder, place, functions):
        self.place, self.log = place / "pool", place / "pool" / "log"
        (self.place / ".cognito").mkdir(parents=True)
        credentials = {"accessKeyId": "local", "secretAccessKey": "local"}
        # Cognito names the trigger in its errors, the emulator the function: so the functions are called what the triggers are.
        slots = {slot: slot for slot in ("PreSignUp", "PostConfirmation", "PostAuthentication")}
        config = {
            "LambdaClient": {"endpoint": f"http://{functions.listen}", "region": "local", "credentials": credentials, "maxRetries": 0},
            "ServerConfig": {"hostname": "127.0.0.1", "port": 0},
            "TriggerFunctions": slots,
        }
        (self.place / ".cognito" / "config.json").write_text(json.dumps(config))
        start = Path(folder) / "node_modules" / "cognito-local" / "lib" / "bin" / "start.js"
        with open(self.log, "wb") as log:
            process = run(["node", start], self.place, {"CODE": CODE, "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1"}, log, log)
        until = time.monotonic() + PATIENCE_S
        while not (found := re.search(r"running on http://(127\.0\.0\.1:\d+)", self.log.read_text())):
            if process.poll() is not None or time.monotonic() > until:
                ok("the user pool starts", False, self.log.read_text())
            time.sleep(0.05)
        self.listen = found[1]
        self.told = []
        made = self.does("CreateUserPool", PoolName="people", UsernameAttributes=["email"], AutoVerifiedAttributes=["email"])
        self.id = made["UserPool"]["Id"]
        self.issuer = f"https://cognito-idp.{self.id.split('_')[0]}.amazonaws.com/{self.id}"
        self.client = self.does("CreateUserPoolClient", UserPoolId=self.id, ClientName="app")["UserPoolClient"]["ClientId"]

    def asked(self, action, **body):
        headers = {"X-Amz-Target": f"AWSCognitoIdentityProviderService.{action}", "Content-Type": "application/x-amz-json-1.1"}
        status, _, answer = post(self.listen, "/", json.dumps(body), headers)
        self.told.append(answer.decode())
        return status, json.loads(answer)

    def does(self, action, **body):
        status, answer = self.asked(action, **body)
        if status != 200:
            ok(f"the pool does {action}", False, status, answer)
        return answer

    def sign_up(self, email):
        attributes = [{"Name": "email", "Value": email}]
        return self.asked("SignUp", ClientId=self.client, Username=email, Password=PASSWORD, UserAttributes=attributes)

    def confirm(self, email):
        # Whoever knows the code has the mailbox: Cognito writes that down before it calls the trigger, the emulator does not.
        verified = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        self.does("AdminUpdateUserAttributes", UserPoolId=self.id, Username=email, UserAttributes=verified)
        return self.asked("ConfirmSignUp", ClientId=self.client, Username=email, ConfirmationCode=CODE)

    def log_in(self, email, password=PASSWORD):
        person = {"USERNAME": email, "PASSWORD": password}
        return self.asked("InitiateAuth", ClientId=self.client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=person)

    def users(self):
        """Everybody's status, by their e-mail."""
        users = self.does("ListUsers", UserPoolId=self.id)["Users"]
        return {next(one["Value"] for one in user["Attributes"] if one["Name"] == "email"): user["UserStatus"] for user in users}
