# The Enlist trigger for an Amazon Cognito user pool that is there already: the same as template.yaml, for Terraform and OpenTofu.
# Not here: the pool's triggers. `enlist-cognito attach` puts the function into a pool that Terraform does not manage. Where it does manage
# the pool, say lambda_config { post_confirmation = aws_lambda_function.trigger.arn } in that resource and nowhere else: what one of the
# two writes the other would take away.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40, < 7"
    }
  }
}

variable "server_url" {
  description = "The Enlist server, as the function reaches it: https://HOST"
  type        = string
  validation {
    condition     = can(regex("^https://[^/?#@]+/?$", var.server_url))
    error_message = "Expected https://HOST, without a path."
  }
}

variable "user_pool_arn" {
  description = "The user pool that may call the function"
  type        = string
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:[0-9]{12}:userpool/[a-z0-9-]+_[A-Za-z0-9]+$", var.user_pool_arn))
    error_message = "Expected arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID."
  }
}

variable "key_secret_arn" {
  description = "The secret of Secrets Manager that holds the tenant's key, and nothing else"
  type        = string
}

variable "key_kms_key_arn" {
  description = "The key of KMS that it is encrypted with, if it is not AWS's own"
  type        = string
  default     = null
}

variable "extension_layer_arn" {
  description = "The layer AWS-Parameters-and-Secrets-Lambda-Extension-Arm64 of this region, with its version"
  type        = string
}

variable "on_error" {
  description = "What somebody meets whose account could not be opened for the moment: continue or fail"
  type        = string
  default     = "continue"
  validation {
    condition     = contains(["continue", "fail"], var.on_error)
    error_message = "Expected continue or fail."
  }
}

variable "bundle" {
  description = "What lambda/bundle made"
  type        = string
  default     = "../../target/bundle/enlist-lambda-arm64.zip"
}

variable "function_name" {
  type    = string
  default = "enlist-trigger"
}

variable "log_days" {
  type    = number
  default = 30
}

variable "alarm_topic_arns" {
  description = "The topics of SNS that are told of alarms"
  type        = list(string)
  default     = []
}

locals {
  triggers = [
    "PostConfirmation_ConfirmSignUp",
    "PostConfirmation_ConfirmForgotPassword",
    "PreSignUp_SignUp",
    "PreSignUp_AdminCreateUser",
    "PreSignUp_ExternalProvider",
    "PostAuthentication_Authentication",
  ]
  # A sign-up that a rule refuses is an error to Lambda: that is how Cognito is told.
  refusals = [for trigger in local.triggers : trigger if startswith(trigger, "PreSignUp_")]
}

resource "aws_cloudwatch_log_group" "trigger" {
  name              = "/aws/lambda/${var.function_name}"
  retention_in_days = var.log_days
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "trigger" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.trigger.arn}:*"]
  }
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.key_secret_arn]
  }
  dynamic "statement" {
    for_each = var.key_kms_key_arn == null ? [] : [var.key_kms_key_arn]
    content {
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "trigger" {
  name_prefix        = "enlist-trigger-"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
}

resource "aws_iam_role_policy" "trigger" {
  role   = aws_iam_role.trigger.id
  policy = data.aws_iam_policy_document.trigger.json
}

resource "aws_lambda_function" "trigger" {
  function_name    = var.function_name
  description      = "Asks Enlist for everybody whom a user pool confirms"
  role             = aws_iam_role.trigger.arn
  filename         = var.bundle
  source_code_hash = filebase64sha256(var.bundle)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = ["arm64"]
  layers           = [var.extension_layer_arn]
  # With less there is less processor too, and the first handshake with the server takes longer.
  memory_size = 256
  # As long as Cognito waits. What ran longer would be paid for, and answered to nobody.
  timeout = 5

  environment {
    variables = {
      ENLIST_SERVER     = var.server_url
      ENLIST_KEY_SECRET = var.key_secret_arn
      ENLIST_ON_ERROR   = var.on_error
    }
  }

  depends_on = [aws_cloudwatch_log_group.trigger, aws_iam_role_policy.trigger]
}

resource "aws_lambda_permission" "pool" {
  statement_id   = "enlist-pool-may-call"
  function_name  = aws_lambda_function.trigger.function_name
  action         = "lambda:InvokeFunction"
  principal      = "cognito-idp.amazonaws.com"
  source_arn     = var.user_pool_arn
  source_account = split(":", var.user_pool_arn)[4]
}

# Somebody was confirmed, and it is not known whether they may have an account: backfill makes it good.
resource "aws_cloudwatch_metric_alarm" "not_provisioned" {
  alarm_name          = "${var.function_name}-not-provisioned"
  alarm_description   = "The Enlist trigger could not open an account. Its log says why; then enlist-cognito backfill."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns

  metric_query {
    id          = "failed"
    expression  = join(" + ", [for n in range(length(local.triggers)) : "FILL(m${n}, 0)"])
    label       = "Failed"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.triggers
    content {
      id = "m${metric_query.key}"
      metric {
        namespace   = "Enlist"
        metric_name = "Failed"
        dimensions  = { TriggerSource = metric_query.value }
        period      = 300
        stat        = "Sum"
      }
    }
  }
}

# What is left of the errors once the refusals are taken away: out of time or memory, or it could not begin.
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${var.function_name}-errors"
  alarm_description   = "The Enlist trigger ended with errors that are no refusals."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns

  metric_query {
    id          = "errors"
    expression  = join(" - ", concat(["FILL(all, 0)"], [for n in range(length(local.refusals)) : "FILL(r${n}, 0)"]))
    label       = "Errors"
    return_data = true
  }

  metric_query {
    id = "all"
    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.trigger.function_name }
      period      = 300
      stat        = "Sum"
    }
  }

  dynamic "metric_query" {
    for_each = local.refusals
    content {
      id = "r${metric_query.key}"
      metric {
        namespace   = "Enlist"
        metric_name = "Refused"
        dimensions  = { TriggerSource = metric_query.value }
        period      = 300
        stat        = "Sum"
      }
    }
  }
}

output "function_arn" {
  description = "For enlist-cognito attach --function"
  value       = aws_lambda_function.trigger.arn
}
