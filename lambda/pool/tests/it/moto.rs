//! The emulator of AWS: one for all tests, and what they make in it.
//! Refuses to pass silently without one: a test that needs it says `skipped:`.

use crate::enlist::from_here;
use crate::http::{Message, pass};
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

pub(crate) const REGION: &str = "eu-west-1";

/// moto's own account.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The emulator.
#[derive(Clone)]
pub(crate) struct Moto {
    pub(crate) url: String,
}

/// The emulator, or nothing and a line that says so.
pub(crate) fn moto(test: &str) -> Option<Moto> {
    // The child is kept for its standard input: moto ends when that does.
    static STARTED: OnceLock<Option<(Moto, Child)>> = OnceLock::new();
    let started = STARTED.get_or_init(|| program().map(|path| start(&path)));
    if started.is_none() {
        eprintln!("skipped: {test}: ENLIST_MOTO names no moto_server");
    }
    started.as_ref().map(|(moto, _)| moto.clone())
}

/// The program that emulates.
pub(crate) fn program() -> Option<PathBuf> {
    let path = std::env::var("ENLIST_MOTO").ok().filter(|path| !path.is_empty());
    path.map(|path| from_here(&path))
}

fn start(path: &Path) -> (Moto, Child) {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a port");
    // However this process ends, its end of the pipe is closed then.
    let script = "\"$0\" -H 127.0.0.1 -p \"$1\" > /dev/null 2>&1 & cat > /dev/null; kill $!";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(path)
        .arg(address.port().to_string())
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    for _ in 0..600 {
        if TcpStream::connect(address).is_ok() {
            return (Moto { url: format!("http://{address}") }, child);
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("{} does not listen", path.display());
}

impl Moto {
    /// Asks Cognito.
    pub(crate) fn cognito(&self, action: &str, body: &Value) -> Value {
        let headers = [
            ("x-amz-target", format!("AWSCognitoIdentityProviderService.{action}")),
            ("content-type", "application/x-amz-json-1.1".to_owned()),
        ];
        self.ask("cognito-idp", "POST", "/", &headers, body.to_string().into_bytes())
    }

    /// Asks Lambda.
    pub(crate) fn lambda(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.ask("lambda", method, path, &[("content-type", "application/json".to_owned())], body)
    }

    fn ask(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Value {
        // moto looks at the scope alone.
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=x"
        );
        let mut all = vec![("authorization".to_owned(), scope)];
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let answer = pass(
            &self.url,
            &Message { method: method.to_owned(), path: path.to_owned(), headers: all, body },
        );
        assert!(
            answer.status < 300,
            "{service} {path}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        answer.json()
    }

    /// A pool with these settings. Gives its id.
    pub(crate) fn pool(&self, settings: &Value) -> String {
        let mut settings = settings.clone();
        settings["PoolName"] = "people".into();
        let made = self.cognito("CreateUserPool", &settings);
        made["UserPool"]["Id"].as_str().expect("an id").to_owned()
    }

    /// What Cognito says of it.
    pub(crate) fn described(&self, pool: &str) -> Value {
        self.cognito("DescribeUserPool", &json!({"UserPoolId": pool}))["UserPool"].take()
    }

    /// Somebody whom an administrator made. Gives their `sub`.
    pub(crate) fn person(&self, pool: &str, email: &str) -> String {
        let attributes =
            json!([{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]);
        let made = self.cognito(
            "AdminCreateUser",
            &json!({"UserPoolId": pool, "Username": email, "UserAttributes": attributes}),
        );
        let attributes = made["User"]["Attributes"].as_array().cloned().unwrap_or_default();
        let sub = attributes.iter().find(|one| one["Name"] == "sub").expect("a sub");
        sub["Value"].as_str().expect("a text").to_owned()
    }

    /// A function with these settings beside what it needs. Gives its whole name.
    pub(crate) fn function(&self, name: &str, settings: &Value) -> String {
        let role = format!(
            "Action=CreateRole&Version=2010-05-08&RoleName={name}&AssumeRolePolicyDocument=%7B%7D&Path=/"
        );
        let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
        self.ask("iam", "POST", "/", &headers, role.into_bytes());
        let mut function = json!({"FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Architectures": ["arm64"],
            "Role": format!("arn:aws:iam::{ACCOUNT}:role/{name}"), "Timeout": 5, "MemorySize": 128,
            // An empty archive.
            "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}});
        for (setting, value) in settings.as_object().into_iter().flatten() {
            function[setting] = value.clone();
        }
        let made = self.lambda("POST", "/2015-03-31/functions", &function);
        made["FunctionArn"].as_str().expect("a whole name").to_owned()
    }

    /// The statements of a function's policy.
    pub(crate) fn statements(&self, function: &str) -> Vec<Value> {
        let name = function.rsplit(':').next().unwrap_or_default();
        let answer = pass(
            &self.url,
            &Message {
                method: "GET".to_owned(),
                path: format!("/2015-03-31/functions/{name}/policy"),
                headers: vec![(
                    "authorization".to_owned(),
                    format!(
                        "AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/lambda/aws4_request, SignedHeaders=host, Signature=x"
                    ),
                )],
                body: Vec::new(),
            },
        );
        let policy: Value =
            serde_json::from_str(answer.json()["Policy"].as_str().unwrap_or("{}")).expect("JSON");
        policy["Statement"].as_array().cloned().unwrap_or_default()
    }
}
