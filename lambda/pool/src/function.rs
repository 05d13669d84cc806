//! A Lambda function, as Lambda describes it: raw JSON.
//! Refuses to judge it, which `permission` and `check` do, and to call it.

use crate::arn::FunctionArn;
use crate::aws::{Aws, AwsError};
use reqwest::Method;
use serde_json::{Value, json};

/// A function.
pub(crate) struct Function<'a> {
    aws: &'a Aws,
    arn: &'a FunctionArn,
}

/// Lambda's doors are dated, each by itself.
const FUNCTIONS: [&str; 2] = ["2015-03-31", "functions"];

impl<'a> Function<'a> {
    pub(crate) fn new(aws: &'a Aws, arn: &'a FunctionArn) -> Self {
        Self { aws, arn }
    }

    pub(crate) fn arn(&self) -> &'a FunctionArn {
        self.arn
    }

    /// Its settings. It may not be there.
    pub(crate) async fn configuration(&self) -> Result<Option<Value>, AwsError> {
        found(self.ask(Method::GET, &["configuration"], None).await)
    }

    /// Who may call it. `None` where nobody was ever named.
    pub(crate) async fn policy(&self) -> Result<Option<Value>, AwsError> {
        let Some(answer) = found(self.ask(Method::GET, &["policy"], None).await)? else {
            return Ok(None);
        };
        // A document in a text.
        let policy = serde_json::from_str(answer["Policy"].as_str().unwrap_or_default());
        policy.map(Some).map_err(|error| {
            AwsError::Unreachable(format!("the function's policy is no JSON: {error}"))
        })
    }

    /// Lets `request` be called so: the fields of AddPermission.
    pub(crate) async fn allow(&self, request: &Value) -> Result<(), AwsError> {
        self.ask(Method::POST, &["policy"], Some(request)).await.map(|_| ())
    }

    /// Takes a statement away again.
    pub(crate) async fn disallow(&self, statement: &str) -> Result<(), AwsError> {
        self.ask(Method::DELETE, &["policy", statement], None).await.map(|_| ())
    }

    /// How many of it may run at once, if that is limited.
    pub(crate) async fn reserved(&self) -> Result<Option<u64>, AwsError> {
        let path = ["2019-09-30", "functions", self.arn.unqualified(), "concurrency"];
        let answer = self.aws.lambda(Method::GET, &path, None, None).await?;
        Ok(answer["ReservedConcurrentExecutions"].as_u64())
    }

    async fn ask(
        &self,
        method: Method,
        door: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, AwsError> {
        let path = [&FUNCTIONS[..], &[self.arn.unqualified()], door].concat();
        self.aws.lambda(method, &path, self.arn.qualifier(), body).await
    }
}

fn found(answer: Result<Value, AwsError>) -> Result<Option<Value>, AwsError> {
    match answer {
        Err(error) if error.is("ResourceNotFoundException") => Ok(None),
        answer => answer.map(Some),
    }
}

/// The permission that lets this pool, and no other, call a function.
pub(crate) fn permission_for(statement: &str, pool_arn: &str, account: &str) -> Value {
    json!({
        "StatementId": statement,
        "Action": "lambda:InvokeFunction",
        "Principal": "cognito-idp.amazonaws.com",
        "SourceArn": pool_arn,
        "SourceAccount": account,
    })
}
