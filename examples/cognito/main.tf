# The Enlist trigger for an Amazon Cognito user pool that is there already: the same as template.yaml, for Terraform and OpenTofu.
# Not here: the pool's triggers. `enlist-cognito attach` puts the function into a pool that Terraform does not manage. Where it does manage
# the pool, say lambda_config { post_confirmation = aws_lambda_function.trigger.arn } in that resource and nowhere else: what one of the
# two writes the other would take away.
# Without a backend of yours the state is the file terraform.tfstate beside this one: keep it, it alone knows what is this stack's.
# No key is in it.

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

resource "aws_cloudwatch_log_group" "trigger" {
  name              = "/aws/lambda/${var.function_name}"
  retention_in_days = var.log_days
  # They say who was refused and why, and outlive the function.
  skip_destroy = true
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

# For whatever runs enlist-cognito backfill every night: attached to nobody here.
resource "aws_iam_policy" "backfill" {
  name_prefix = "enlist-backfill-"
  description = "What enlist-cognito backfill does with the user pool"
  policy      = data.aws_iam_policy_document.backfill.json
}

data "aws_iam_policy_document" "backfill" {
  statement {
    actions   = ["cognito-idp:DescribeUserPool", "cognito-idp:ListUsers"]
    resources = [var.user_pool_arn]
  }
}

# Whoever was confirmed meanwhile has no account yet: backfill makes it good.
resource "aws_cloudwatch_metric_alarm" "not_decided" {
  alarm_name          = "${var.function_name}-not-decided"
  alarm_description   = "The Enlist trigger could not ask the server about somebody who signed up, was confirmed or logged in. Its log says why; then enlist-cognito backfill."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns

  metric_query {
    id          = "failed"
    return_data = true
    metric {
      namespace   = "Enlist"
      metric_name = "Failed"
      dimensions  = { FunctionName = aws_lambda_function.trigger.function_name }
      period      = 300
      stat        = "Sum"
    }
  }
}

# Whoever is turned away on purpose is an error to Lambda: that is how Cognito is told. What is left is what went wrong.
# The two numbers come by two ways, and one may be dated in the next five minutes: so twice in a quarter of an hour.
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${var.function_name}-errors"
  alarm_description   = "The Enlist trigger ended with errors that are no answers. It was out of time or memory, or could not begin."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns

  metric_query {
    id          = "unexplained"
    expression  = "FILL(errors, 0) - FILL(answers, 0)"
    label       = "Errors that are no answers"
    return_data = true
  }

  metric_query {
    id          = "errors"
    return_data = false
    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.trigger.function_name }
      period      = 300
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "answers"
    return_data = false
    metric {
      namespace   = "Enlist"
      metric_name = "TurnedAway"
      dimensions  = { FunctionName = aws_lambda_function.trigger.function_name }
      period      = 300
      stat        = "Sum"
    }
  }
}

output "function_arn" {
  description = "For enlist-cognito attach --function"
  value       = aws_lambda_function.trigger.arn
}

output "backfill_policy_arn" {
  description = "For the role or the user that enlist-cognito backfill runs as"
  value       = aws_iam_policy.backfill.arn
}
