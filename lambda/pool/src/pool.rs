//! A user pool, as Cognito describes it: raw JSON.
//! Refuses to interpret its settings, which `settings` does, and to end a listing before Cognito does.

use crate::aws::{Aws, AwsError};
use serde_json::{Map, Value, json};
use std::fmt;
use std::str::FromStr;

/// The most that Cognito gives at once.
const PAGE: u32 = 60;

/// `REGION_NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoolId(String);

impl PoolId {
    /// All of it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the pool is.
    pub(crate) fn region(&self) -> &str {
        self.0.split('_').next().unwrap_or_default()
    }

    /// Who vouches for its people, as the trigger names it; what their tokens say too, but where the pool was told to say another.
    pub(crate) fn issuer(&self) -> String {
        format!("https://cognito-idp.{}.amazonaws.com/{}", self.region(), self.0)
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PoolId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (region, name) = text.split_once('_').unwrap_or_default();
        let region_is = region
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let name_is = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if region.is_empty() || name.is_empty() || !region_is || !name_is {
            return Err("expected REGION_NAME, as in eu-west-1_Ab12Cd34E");
        }
        Ok(Self(text.to_owned()))
    }
}

/// A user pool.
pub(crate) struct Pool<'a> {
    aws: &'a Aws,
    id: &'a PoolId,
}

/// Some of a pool's people.
pub(crate) struct Page {
    pub(crate) people: Vec<Person>,
    /// Where the next begins; a page may be empty and have one.
    pub(crate) token: Option<String>,
}

/// Somebody in a pool.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) username: String,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) status: String,
    pub(crate) enabled: bool,
}

impl Person {
    /// What stays theirs whatever else changes.
    pub(crate) fn sub(&self) -> Option<&str> {
        self.attributes.get("sub").and_then(Value::as_str)
    }
}

impl<'a> Pool<'a> {
    pub(crate) fn new(aws: &'a Aws, id: &'a PoolId) -> Self {
        Self { aws, id }
    }

    pub(crate) fn id(&self) -> &'a PoolId {
        self.id
    }

    /// Every setting, and what else Cognito says of it.
    pub(crate) async fn describe(&self) -> Result<Map<String, Value>, AwsError> {
        let mut answer =
            self.aws.cognito("DescribeUserPool", &json!({"UserPoolId": self.id.as_str()})).await?;
        match answer["UserPool"].take() {
            Value::Object(pool) => Ok(pool),
            _ => Err(AwsError::Unreachable(
                "DescribeUserPool answered without a UserPool".to_owned(),
            )),
        }
    }

    /// How people prove a second time that it is them. It has doors of its own.
    pub(crate) async fn second_factors(&self) -> Result<Value, AwsError> {
        self.aws.cognito("GetUserPoolMfaConfig", &json!({"UserPoolId": self.id.as_str()})).await
    }

    /// Puts everything that `request` says, and what it does not say back to what Cognito begins with.
    pub(crate) async fn update(&self, request: &Map<String, Value>) -> Result<(), AwsError> {
        self.aws.cognito("UpdateUserPool", &Value::Object(request.clone())).await.map(|_| ())
    }

    /// The people from `token` on.
    pub(crate) async fn page(&self, token: Option<&str>) -> Result<Page, AwsError> {
        let mut request = json!({"UserPoolId": self.id.as_str(), "Limit": PAGE});
        if let Some(token) = token {
            request["PaginationToken"] = token.into();
        }
        let answer = self.aws.cognito("ListUsers", &request).await?;
        let Some(users) = answer["Users"].as_array() else {
            return Err(AwsError::Unreachable("ListUsers answered without Users".to_owned()));
        };
        let next = answer["PaginationToken"].as_str().filter(|next| !next.is_empty());
        if next.is_some() && next == token {
            return Err(AwsError::Unreachable("ListUsers does not move on".to_owned()));
        }
        Ok(Page { people: users.iter().map(person).collect(), token: next.map(str::to_owned) })
    }
}

fn person(user: &Value) -> Person {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let attributes = user["Attributes"].as_array().into_iter().flatten();
    Person {
        username: text(&user["Username"]),
        attributes: attributes.map(|one| (text(&one["Name"]), one["Value"].clone())).collect(),
        status: text(&user["UserStatus"]),
        // Missing means nothing has been disabled.
        enabled: user["Enabled"].as_bool().unwrap_or(true),
    }
}

#[cfg(test)]
mod tests {
    use super::PoolId;

    #[test]
    fn an_id_names_its_region_and_its_issuer() {
        let id: PoolId = "ap-southeast-1_O92soCD1L".parse().expect("an id");
        assert_eq!(id.region(), "ap-southeast-1");
        assert_eq!(
            id.issuer(),
            "https://cognito-idp.ap-southeast-1.amazonaws.com/ap-southeast-1_O92soCD1L"
        );
        for wrong in ["", "pool", "_x", "eu-west-1_", "eu-west-1_a/b", "EU_x", "evil.example/_x"] {
            assert!(wrong.parse::<PoolId>().is_err(), "{wrong}");
        }
    }
}
