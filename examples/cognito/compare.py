"""Whether main.tf makes what template.yaml makes: both are read as they stand, brought into the same words, and compared. `check` runs this,
with the readers that cfn-lint and python-hcl2 are.

Usage: compare.py TEMPLATE MAIN_TF. Says what differs, and ends with 1 if anything does. What the template alone has (the key in Parameter
Store) is left out by its condition.
"""

import json
import re
import sys

import hcl2
from cfnlint.decode import cfn_yaml

FUNCTION, LOG, ACCOUNT = "the function", "the function's log", "the pool's account"


def from_template(path):
    template = cfn_yaml.load(path)
    resources = template["Resources"]

    def plain(value):
        """A value of the template in words that both files share."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": "Trigger"} | {"Fn::GetAtt": ["Trigger", "Arn"]}:
                return FUNCTION
            case {"Ref": name}:
                return str(name)
            case {"Fn::If": [_, then, _]}:
                # The first branch is always the one that Terraform has too.
                return plain(then)
            case {"Fn::Sub": text} if ":log-group:/aws/lambda/${FunctionName}:*" in text:
                return LOG
            case {"Fn::Sub": text}:
                return str(text)
            case {"Fn::Select": [4, {"Fn::Split": [":", {"Ref": "UserPoolArn"}]}]}:
                return ACCOUNT
            case dict():
                return {str(name): plain(one) for name, one in value.items() if plain(one) is not None}
            case list():
                return [plain(one) for one in value if plain(one) is not None]
            case bool() | int():
                return value
        return str(value)

    def of(kind):
        return [plain(one) for one in resources.values() if one["Type"] == kind]

    def only(kind):
        (one,) = of(kind)
        return one["Properties"]

    def rights(*documents):
        found = []
        for statement in (one for document in documents for one in document["Statement"]):
            actions = statement["Action"]
            assert statement["Effect"] == "Allow", statement
            found += [(action, statement["Resource"]) for action in ([actions] if isinstance(actions, str) else actions)]
        return sorted(found)

    function, log, role = only("AWS::Serverless::Function"), of("AWS::Logs::LogGroup")[0], only("AWS::IAM::Role")
    trust = role["AssumeRolePolicyDocument"]["Statement"]
    alarms = [alarm["Properties"] for alarm in of("AWS::CloudWatch::Alarm")]
    return {
        "function": {
            "name": function["FunctionName"], "zip": function["CodeUri"], "handler": function["Handler"], "runtime": function["Runtime"],
            "architectures": function["Architectures"], "memory": function["MemorySize"], "seconds": function["Timeout"],
            "layers": function["Layers"], "variables": function["Environment"]["Variables"],
        },
        "log": {"name": log["Properties"]["LogGroupName"], "days": log["Properties"]["RetentionInDays"],
                "outlives the stack": log["DeletionPolicy"].startswith("Retain")},
        "who has the role": [(one["Principal"], one["Action"]) for one in trust],
        "rights of the role": rights(*(policy["PolicyDocument"] for policy in role["Policies"])),
        "rights of backfill": rights(only("AWS::IAM::ManagedPolicy")["PolicyDocument"]),
        "permission": only("AWS::Lambda::Permission"),
        "alarms": {
            alarm["AlarmDescription"]: {
                "tells": "AlarmTopicArn" in str(alarm["AlarmActions"]),
                "missing": alarm["TreatMissingData"],
                "if": [alarm["ComparisonOperator"], alarm["Threshold"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]],
                "of": {metric.pop("Id"): metric for metric in alarm["Metrics"]},
            }
            for alarm in alarms
        },
        "told afterwards": sorted(template["Outputs"]),
    }


def from_terraform(path):
    with open(path) as file:
        terraform = hcl2.load(file)

    def camel(name):
        return "".join(word.capitalize() for word in name.split("_"))

    def plain(value):
        match value:
            case "${aws_lambda_function.trigger.function_name}" | "${aws_lambda_function.trigger.arn}":
                return FUNCTION
            case '"${aws_cloudwatch_log_group.trigger.arn}:*"':
                return LOG
            case '${split(":", var.user_pool_arn)[4]}':
                return ACCOUNT
            case str():
                value = value[1:-1] if value.startswith('"') else value
                whole = re.fullmatch(r"\$\{var\.(\w+)\}", value)
                return camel(whole[1]) if whole else re.sub(r"\$\{var\.(\w+)\}", lambda found: "${" + camel(found[1]) + "}", value)
            case dict():
                return {plain(name): plain(one) for name, one in value.items() if not name.startswith("__")}
            case list():
                return [plain(one) for one in value]
        return value

    def of(kind, block="resource"):
        return {plain(label): plain(body) for entry in terraform[block] for name, labels in entry.items() if plain(name) == kind for label, body in labels.items()}

    def only(kind):
        (one,) = of(kind).values()
        return one

    def rights(name):
        document = of("aws_iam_policy_document", "data")[name]
        found = [(action, resource) for one in document["statement"] for action in one["actions"] for resource in one["resources"]]
        for dynamic in document.get("dynamic", []):
            (named,) = re.findall(r"\[var\.(\w+)\]", dynamic["statement"]["for_each"])
            found += [(action, camel(named)) for one in dynamic["statement"]["content"] for action in one["actions"]]
        return sorted(found)

    def metric(query):
        said = {"ReturnData": query["return_data"]}
        if "expression" in query:
            said["Expression"] = query["expression"]
        for one in query.get("metric", []):
            dimensions = [{"Name": name, "Value": value} for name, value in one["dimensions"].items()]
            named = {"Namespace": one["namespace"], "MetricName": one["metric_name"], "Dimensions": dimensions}
            said["MetricStat"] = {"Stat": one["stat"], "Period": one["period"], "Metric": named}
        return said

    variables = {plain(name): body for entry in terraform["variable"] for name, body in entry.items()}
    function, log, permission = only("aws_lambda_function"), only("aws_cloudwatch_log_group"), only("aws_lambda_permission")
    trust = of("aws_iam_policy_document", "data")["lambda"]["statement"]
    (environment,) = function["environment"]
    return {
        "function": {
            "name": function["function_name"], "zip": plain(variables["bundle"]["default"]), "handler": function["handler"],
            "runtime": function["runtime"], "architectures": function["architectures"], "memory": function["memory_size"],
            "seconds": function["timeout"], "layers": function["layers"], "variables": environment["variables"],
        },
        "log": {"name": log["name"], "days": log["retention_in_days"], "outlives the stack": log["skip_destroy"]},
        "who has the role": [({one["type"]: name}, action) for statement in trust for one in statement["principals"]
                             for name in one["identifiers"] for action in statement["actions"]],
        "rights of the role": rights("trigger"),
        "rights of backfill": rights("backfill"),
        "permission": {camel(name): value for name, value in permission.items() if name != "statement_id"},
        "alarms": {
            alarm["alarm_description"]: {
                "tells": alarm["alarm_actions"] == "AlarmTopicArns",
                "missing": alarm["treat_missing_data"],
                "if": [alarm["comparison_operator"], alarm["threshold"], alarm["datapoints_to_alarm"], alarm["evaluation_periods"]],
                "of": {query["id"]: metric(query) for query in alarm["metric_query"]},
            }
            for alarm in of("aws_cloudwatch_metric_alarm").values()
        },
        "told afterwards": sorted(camel(plain(name)) for entry in terraform["output"] for name in entry),
    }


def difference(where, one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return [line for name in {**one, **other} for line in difference(f"{where} / {name}", one.get(name), other.get(name))]
    # As JSON, for which a tuple is a list.
    return [] if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) else [f"{where}: {one} in template.yaml, {other} in main.tf"]


both = from_template(sys.argv[1]), from_terraform(sys.argv[2])
differing = [line for name in both[0] for line in difference(name, both[0][name], both[1][name])]
print("\n".join(differing))
sys.exit(1 if differing else 0)
