//! AWS's two doors that this command knocks at, Cognito's and Lambda's: requests in JSON as they are, signed, and sent again when AWS is
//! busy. Refuses to know any field: what a caller did not touch goes back as it came, also what was added after this was written.

use crate::arguments::Common;
use crate::ending::{Ending, Failure};
use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_types::region::Region;
use aws_types::sdk_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use std::error::Error;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// How often a request is sent: the pauses between are 0.1 s and twice as long each time, 25 s in all.
const ATTEMPTS: u32 = 9;

/// How long all of that may take, the answers included.
const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Where nobody listens, nobody will in half a minute.
const CONNECTING_ATTEMPTS: u32 = 4;

/// How long before their end credentials are fetched anew.
const CREDENTIALS_LEFT: Duration = Duration::from_secs(300);

/// AWS, in one region and with one caller's rights.
pub(crate) struct Aws {
    http: reqwest::Client,
    region: String,
    credentials: SharedCredentialsProvider,
    fetched: Mutex<Option<Credentials>>,
    cognito: Url,
    lambda: Url,
}

/// What AWS said no with, or why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AwsError {
    /// The service's own no.
    #[error("{code}: {message}")]
    No {
        /// As AWS calls it: `ResourceNotFoundException`.
        code: String,
        /// For people.
        message: String,
        /// Whether it was busy or broken to the end.
        busy: bool,
    },
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
    /// Nothing to sign with.
    #[error("no credentials for AWS: {0}")]
    NoCredentials(String),
}

impl AwsError {
    /// Whether AWS calls it so.
    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self, Self::No { code, .. } if code == name)
    }

    /// Whether it is the caller's rights.
    pub(crate) fn is_denied(&self) -> bool {
        const DENIED: [&str; 9] = [
            "AccessDenied",
            "AccessDeniedException",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignatureException",
            "InvalidSignatureException",
            "MissingAuthenticationTokenException",
            "NotAuthorizedException",
            "UnrecognizedClientException",
        ];
        matches!(self, Self::No { code, .. } if DENIED.contains(&code.as_str()))
    }
}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        let ending = match &error {
            AwsError::NoCredentials(_) => Ending::Locked,
            _ if error.is_denied() => Ending::Locked,
            AwsError::Unreachable(_) | AwsError::No { busy: true, .. } => Ending::Failed,
            AwsError::No { .. } => Ending::No,
        };
        Self::new(ending, error.to_string())
    }
}

/// One request, before it is signed.
struct Request<'a> {
    service: &'static str,
    method: Method,
    url: Url,
    headers: Vec<(&'static str, &'a str)>,
    body: Vec<u8>,
}

impl Aws {
    /// Finds credentials and doors as AWS's own tools do.
    pub(crate) async fn find(common: &Common, region: &str) -> Result<Self, Failure> {
        let broken = |error: &dyn Error| Failure::new(Ending::Failed, chain(error));
        let connector = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .http_client(connector);
        if let Some(profile) = &common.profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        let credentials = config
            .credentials_provider()
            .ok_or_else(|| Failure::from(AwsError::NoCredentials("no provider".to_owned())))?;
        let said = common.endpoint_url.as_deref();
        let door = |id: &str, host: &str| {
            let url = said
                .map(str::to_owned)
                .or_else(|| configured(&config, id))
                .unwrap_or_else(|| format!("https://{host}.{region}.amazonaws.com"));
            Url::parse(&url).ok().filter(Url::has_host).ok_or_else(|| {
                Failure::new(
                    Ending::WrongUse,
                    format!("endpoint URL: expected http(s)://HOST, got {url:?}"),
                )
            })
        };
        Ok(Self {
            http: reqwest::Client::builder()
                .user_agent(concat!("enlist-cognito/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_secs(5))
                // One that was lost on the way leaves time for another.
                .timeout(Duration::from_secs(15))
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(|error| broken(&error))?,
            cognito: door("Cognito Identity Provider", "cognito-idp")?,
            lambda: door("Lambda", "lambda")?,
            region: region.to_owned(),
            credentials,
            fetched: Mutex::new(None),
        })
    }

    /// Asks Cognito for `action`.
    pub(crate) async fn cognito(&self, action: &str, body: &Value) -> Result<Value, AwsError> {
        let target = format!("AWSCognitoIdentityProviderService.{action}");
        self.call(&Request {
            service: "cognito-idp",
            method: Method::POST,
            url: self.cognito.clone(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", &target),
            ],
            body: body.to_string().into_bytes(),
        })
        .await
    }

    /// Asks Lambda at the door that these parts of a path name.
    pub(crate) async fn lambda(
        &self,
        method: Method,
        path: &[&str],
        qualifier: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, AwsError> {
        let mut url = self.lambda.clone();
        // `extend` leaves colons as they are, which are signed otherwise than they are sent.
        let path: Vec<_> = path.iter().map(|part| part.replace(':', "%3A")).collect();
        url.set_path(&path.join("/"));
        url.set_query(qualifier.map(|qualifier| format!("Qualifier={qualifier}")).as_deref());
        self.call(&Request {
            service: "lambda",
            method,
            url,
            headers: body.map(|_| ("content-type", "application/json")).into_iter().collect(),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        })
        .await
    }

    /// Sends, and sends again while AWS is busy.
    async fn call(&self, request: &Request<'_>) -> Result<Value, AwsError> {
        let (mut pause, ends) = (FIRST_PAUSE, Instant::now() + PATIENCE);
        for attempt in 1.. {
            let sent = timeout_at(ends, self.send(request)).await;
            let late = |_| Err((AwsError::Unreachable("no answer in time".to_owned()), 1));
            let (error, attempts) = match sent.unwrap_or_else(late) {
                Ok(answer) => return Ok(answer),
                Err((error, attempts)) => (error, attempts),
            };
            if attempt >= attempts || Instant::now() + pause >= ends {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the last attempt has ended it")
    }

    /// Sends once. An error comes with how many attempts it is worth.
    async fn send(&self, request: &Request<'_>) -> Result<Value, (AwsError, u32)> {
        let identity = self.identity().await.map_err(|error| (error, 1))?;
        let unsigned = |error: &dyn Error| (AwsError::NoCredentials(chain(error)), 1);
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(request.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(&error))?
            .into();
        let signable = SignableRequest::new(
            request.method.as_str(),
            request.url.as_str(),
            request.headers.iter().copied(),
            SignableBody::Bytes(&request.body),
        );
        let signed = signable
            .and_then(|signable| sign(signable, &params))
            .map_err(|error| unsigned(&error))?;
        let mut sent = self
            .http
            .request(request.method.clone(), request.url.clone())
            .body(request.body.clone());
        for (name, value) in request.headers.iter().copied().chain(signed.output().headers()) {
            sent = sent.header(name, value);
        }
        let lost = |error: reqwest::Error| {
            let attempts = if error.is_connect() { CONNECTING_ATTEMPTS } else { ATTEMPTS };
            (AwsError::Unreachable(chain(&error)), attempts)
        };
        let answer = sent.send().await.map_err(lost)?;
        let status = answer.status();
        let named = answer
            .headers()
            .get("x-amzn-errortype")
            .and_then(|name| name.to_str().ok())
            .map(str::to_owned);
        let body = answer.bytes().await.map_err(lost)?;
        read(status, named.as_deref(), &body)
    }

    async fn identity(&self) -> Result<Identity, AwsError> {
        let mut fetched = self.fetched.lock().await;
        let soon = SystemTime::now() + CREDENTIALS_LEFT;
        if let Some(credentials) =
            fetched.as_ref().filter(|kept| kept.expiry().is_none_or(|end| end > soon))
        {
            return Ok(credentials.clone().into());
        }
        let found = self.credentials.provide_credentials().await;
        let found = found.map_err(|error| AwsError::NoCredentials(chain(&error)))?;
        Ok(fetched.insert(found).clone().into())
    }
}

/// An answer, or the no in it.
fn read(status: StatusCode, named: Option<&str>, body: &[u8]) -> Result<Value, (AwsError, u32)> {
    let json = serde_json::from_slice::<Value>(body);
    if status.is_success() {
        if body.is_empty() {
            return Ok(Value::Null);
        }
        // Something else than AWS answered with a yes: nothing can be said of what it did.
        return json.map_err(|_| {
            (AwsError::Unreachable("the answer is no JSON: not AWS's".to_owned()), 1)
        });
    }
    let json = json.unwrap_or_default();
    let name = named.or(json["__type"].as_str()).unwrap_or_default();
    // `com.amazonaws.…#NAME` in the body, `NAME:http://…` in the header.
    let name = name.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let busy = matches!(
        name,
        "InternalErrorException"
            | "RequestLimitExceeded"
            | "ServiceException"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException"
    ) || status == StatusCode::TOO_MANY_REQUESTS
        || status.is_server_error();
    let message = ["message", "Message"].into_iter().find_map(|key| json[key].as_str());
    let error = AwsError::No {
        code: if name.is_empty() { status.to_string() } else { name.to_owned() },
        message: message.unwrap_or("AWS says no more").to_owned(),
        busy,
    };
    Err((error, if busy { ATTEMPTS } else { 1 }))
}

/// What AWS's settings say of one service's door, else of all.
fn configured(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let own = config.service_config().and_then(|settings| settings.load_config(key));
    own.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// An error with everything that led to it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{ATTEMPTS, AwsError, StatusCode, read};

    #[test]
    fn a_no_is_named_wherever_the_service_names_it() {
        let body =
            br#"{"__type":"com.amazonaws.cognito#ResourceNotFoundException","message":"gone"}"#;
        let found = |named, body| read(StatusCode::BAD_REQUEST, named, body).expect_err("a no");
        assert!(found(None, body).0.is("ResourceNotFoundException"));
        let (error, attempts) =
            found(Some("TooManyRequestsException:http://internal.amazon.com/"), b"{}");
        assert!(error.is("TooManyRequestsException"));
        assert_eq!(attempts, ATTEMPTS);
        assert_eq!(found(None, br#"{"__type":"InvalidParameterException"}"#).1, 1);
    }

    #[test]
    fn a_page_of_some_proxy_is_no_answer() {
        let found = read(StatusCode::OK, None, b"<html>please sign in</html>");
        assert!(matches!(found, Err((AwsError::Unreachable(_), 1))));
        assert!(read(StatusCode::NO_CONTENT, None, b"").is_ok_and(|answer| answer.is_null()));
    }
}
