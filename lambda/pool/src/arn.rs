//! The whole name of a Lambda function, taken apart.
//! Refuses a bare name: Cognito stores the whole one, and two accounts may have the same bare one.

use std::fmt;
use std::str::FromStr;

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, with `:VERSION_OR_ALIAS` if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionArn {
    whole: String,
    region: String,
    qualifier: Option<String>,
}

impl FunctionArn {
    /// All of it, as Cognito stores it.
    pub(crate) fn as_str(&self) -> &str {
        &self.whole
    }

    /// Where the function is.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The version or the alias.
    pub(crate) fn qualifier(&self) -> Option<&str> {
        self.qualifier.as_deref()
    }

    /// Without version and alias, as Lambda's own doors take it beside a qualifier.
    pub(crate) fn unqualified(&self) -> &str {
        let end = self.qualifier.as_ref().map_or(0, |qualifier| qualifier.len() + 1);
        &self.whole[..self.whole.len() - end]
    }
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

impl FromStr for FunctionArn {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected arn:aws:lambda:REGION:ACCOUNT:function:NAME, as `aws lambda get-function --function-name NAME \
             --query Configuration.FunctionArn` prints it";
        let part = |part: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$');
            !part.is_empty() && part.chars().all(plain)
        };
        let parts: Vec<_> = text.split(':').collect();
        let (region, account, name, qualifier) = match parts[..] {
            ["arn", partition, "lambda", region, account, "function", name, ref rest @ ..]
                if partition.starts_with("aws") && rest.len() <= 1 =>
            {
                (region, account, name, rest.first().copied())
            }
            _ => return Err(EXPECTED),
        };
        let digits = account.bytes().all(|byte| byte.is_ascii_digit());
        if !(part(region) && part(account) && digits && part(name) && qualifier.is_none_or(part)) {
            return Err(EXPECTED);
        }
        Ok(Self {
            whole: text.to_owned(),
            region: region.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::FunctionArn;

    #[test]
    fn a_whole_name_is_taken_apart() {
        let arn: FunctionArn =
            "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:enlist:live"
                .parse()
                .expect("a whole name");
        assert_eq!((arn.region(), arn.qualifier()), ("us-gov-west-1", Some("live")));
        assert_eq!(
            arn.unqualified(),
            "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:enlist"
        );
        let arn: FunctionArn =
            "arn:aws:lambda:eu-west-1:1:function:f".parse().expect("a whole name");
        assert_eq!(arn.unqualified(), arn.as_str());
    }

    #[test]
    fn anything_else_is_none() {
        for wrong in [
            "",
            "enlist",
            "arn:aws:lambda:eu-west-1:1:function:",
            "arn:aws:lambda:eu-west-1:x:function:f",
            "arn:aws:lambda:eu-west-1:1:function:f:a:b",
            "arn:aws:lambda:eu-west-1:1:layer:f",
            "arn:aws:s3:eu-west-1:1:function:f",
            "arn:aws:lambda:eu-west-1:1:function:a/../b",
        ] {
            assert!(wrong.parse::<FunctionArn>().is_err(), "{wrong}");
        }
    }
}
