//! Every mistake is named, with its place, together with all the others.

use crate::people::read;
use enlist_policy::configured;
use enlist_rules::Rules;

/// What is wrong: pointers, and words that the message has.
fn wrong(toml: &str) -> Vec<(String, String)> {
    let problems = read(toml).err().unwrap_or_else(|| panic!("taken: {toml}"));
    problems.into_iter().map(|problem| (problem.path, problem.message)).collect()
}

#[test]
fn each_mistake_is_named_at_its_place_and_nowhere_else() {
    let long = "a".repeat(4097);
    let deep =
        format!("{}{}{}", "{not = ".repeat(8), r#"{attr = "x", op = "exists"}"#, "}".repeat(8));
    let rule = r#"[[rules]]
        when = {attr = "domain", op = "eq", value = "a.example"}
        then = {allow = true}
    "#;
    for (toml, pointer, words) in [
        ("version = 2", "/version", "expected 1, found 2"),
        ("version = \"1\"", "/version", "expected an integer, found a string"),
        ("unknown = 1", "/unknown", "no setting has this name"),
        ("\"a/b~c\" = 1", "/a~1b~0c", "no setting has this name"),
        ("source = []", "/source", "nothing"),
        ("source = [\"mail\"]", "/source/0", "email, username"),
        ("source = [\"email\", \"attr:\"]", "/source/1", "attr:NAME"),
        ("source = \"email\"", "/source", "expected a list"),
        ("strip_domain = \"sometimes\"", "/strip_domain", "always, never or a list"),
        ("strip_domain = \"never\"", "/strip_domain", "at_replacement"),
        ("strip_domain = [\"a.example\"]", "/strip_domain", "at_replacement"),
        ("strip_domain = [\"a..b\"]\nat_replacement = \"-\"", "/strip_domain/0", "no domain"),
        ("at_replacement = \"\"", "/at_replacement", "1 to 8"),
        ("at_replacement = \"(at)\"", "/at_replacement", "all of charset"),
        ("at_replacement = \"-at-at-at-\"", "/at_replacement", "1 to 8"),
        ("plus_tag = \"drop\"", "/plus_tag", "keep, strip, reject"),
        ("plus_tag = \"strip\"", "/plus_tag_domains", "names no domain"),
        ("plus_tag_domains = [7]", "/plus_tag_domains/0", "expected a string"),
        ("gmail_dots = true", "/gmail_dots", "keep, strip"),
        ("case = \"upper\"", "/case", "lower, preserve, reject_upper"),
        ("unicode = \"utf8\"", "/unicode", "ascii, precis"),
        ("restriction = \"none\"", "/restriction", "single_script"),
        ("charset = \"z-a\"", "/charset", "wrong way round"),
        ("charset = \"a-z/\"", "/charset", "never has any of"),
        ("charset = \"a-z\\\\\"", "/charset", "never has any of"),
        ("charset = \"a-z\\u0000\"", "/charset", "never has any of"),
        ("charset = \"a-z:\"", "/charset", "never has any of"),
        ("charset = \"a-z \"", "/charset", "never has any of"),
        ("charset = \"a-zé\"", "/charset", "outside ASCII"),
        ("charset = \"\"", "/charset", "is empty"),
        ("start = \"a-z_\"", "/start", "no name begins with"),
        ("start = \"A-Z\"", "/start", "no character of charset"),
        ("end = \"a-z.\"", "/end", "no name ends with"),
        ("end = \"A-Z\"", "/end", "no character of charset"),
        ("on_invalid = \"replace:-\"", "/on_invalid", "hash_suffix"),
        ("on_invalid = \"replace:--\"", "/on_invalid", "one character"),
        ("on_invalid = \"replace:\"", "/on_invalid", "one character"),
        (
            "on_invalid = \"replace:/\"\ncollision = \"hash_suffix\"",
            "/on_invalid",
            "no character of charset",
        ),
        ("min_length = 0", "/min_length", "expected 1 to 128"),
        ("max_length = 129", "/max_length", "expected 1 to 128"),
        ("max_length = 1.5", "/max_length", "no integer"),
        ("min_length = 9\nmax_length = 8", "/min_length", "more than max_length"),
        ("pattern = \"(\"", "/pattern", "no regular expression"),
        ("pattern = \"a)|(b\"", "/pattern", "no regular expression"),
        (&format!("pattern = \"{long}\""), "/pattern", "longer than"),
        ("pattern = \"(a{1000}){1000}\"", "/pattern", "no regular expression"),
        ("prefix = \"X-\"", "/prefix", "charset"),
        ("prefix = \"-x\"", "/prefix", "begins with"),
        ("suffix = \"x-\"", "/suffix", "ends with"),
        ("suffix = \"!\"", "/suffix", "charset"),
        ("prefix = \"abcd\"\nmax_length = 4", "/prefix", "leaves no room"),
        ("reserved = [\"\"]", "/reserved/0", "is empty"),
        ("reserved_builtin = \"yes\"", "/reserved_builtin", "true or false"),
        ("collision = \"suffix\"", "/collision", "numeric_suffix"),
        ("collision = \"numeric_suffix\"\ncharset = \"a-z-\"", "/collision", "0123456789"),
        ("collision = \"hash_suffix\"\ncharset = \"a-y0-9-\"", "/collision", "abcdef"),
        ("collision = \"hash_suffix\"\nend = \"0-9\"", "/collision", "end"),
        ("collision = \"hash_suffix\"\nsuffix_sep = \"/\"", "/suffix_sep", "charset"),
        ("collision = \"hash_suffix\"\nsuffix_sep = \"\"", "/suffix_sep", "1 to 8"),
        ("collision = \"hash_suffix\"\nmax_length = 11", "/max_length", "leaves no room"),
        ("numeric_max = 33", "/numeric_max", "expected 2 to 32"),
        ("hash_len = 7", "/hash_len", "expected 8 to 32"),
        ("allow = []", "/allow", "expected a table"),
        ("[allow]\nemail = []", "/allow/email", "no setting has this name: emails, domains"),
        ("[allow]\nemails = [\"a\"]", "/allow/emails/0", "no address"),
        ("[allow]\nemails = [\"@a.example\"]", "/allow/emails/0", "no address"),
        ("[allow]\nemails = [\"a@b@c.example\"]", "/allow/emails/0", "no address"),
        ("[allow]\nemails = [\"*@*\"]", "/allow/emails/0", "does not name"),
        ("[allow]\nemails = [\"a@*.example\"]", "/allow/emails/0", "does not name"),
        ("[allow]\ndomains = [\"a_b.example\"]", "/allow/domains/0", "letters, digits and hyphens"),
        ("[allow]\ndomains = [\"*.com\"]", "/allow/domains/0", "public suffix"),
        ("[allow]\ndomains = [\"*.co.uk\"]", "/allow/domains/0", "public suffix"),
        ("[allow]\ndomains = [\"*\"]", "/allow/domains/0", "no domain"),
        (
            "[deny]\ndomains = [\"ok.example\", \"x y\"]",
            "/deny/domains/1",
            "letters, digits and hyphens",
        ),
        ("[allow]\ngroups = [\"\"]", "/allow/groups/0", "is empty"),
        (&format!("[allow]\nsubs = [\"{long}\"]"), "/allow/subs/0", "longer than"),
        ("[allow]\nusernames = \"ann\"", "/allow/usernames", "expected a list"),
        (
            "[allow.attributes]\n\"custom:dept\" = [\"eng\"]",
            "/allow/attributes/custom:dept",
            "trusted_attributes",
        ),
        (
            "require_verified_email = false\n[allow]\ndomains = [\"a.example\"]",
            "/require_verified_email",
            "cannot be false",
        ),
        (
            "require_verified_email = false\n[allow]\nemails = [\"a@a.example\"]",
            "/require_verified_email",
            "cannot be false",
        ),
        (
            "require_verified_email = true\nallow_unverified_email = true",
            "/require_verified_email",
            "cannot be true",
        ),
        (
            "trusted_attributes = [\"email\", \"client:plan\"]",
            "/trusted_attributes/1",
            "never to be trusted",
        ),
        ("default_action = \"refuse\"", "/default_action", "allow, deny"),
        ("on_deny_message = 7", "/on_deny_message", "expected a string"),
        ("[messages]\nno_such_code = \"x\"", "/messages/no_such_code", "no refusal has this code"),
        ("max_accounts = -1", "/max_accounts", "from 0 up"),
        ("max_accounts = \"many\"", "/max_accounts", "from 0 up"),
        ("max_accounts_in_domain = 1e3", "/max_accounts_in_domain", "from 0 up"),
        ("storage_bytes = \"10 gigs\"", "/storage_bytes", "GiB"),
        ("storage_bytes = \"-1 GiB\"", "/storage_bytes", "GiB"),
        ("storage_bytes = \"99999999999 TiB\"", "/storage_bytes", "at most"),
        ("storage_files = true", "/storage_files", "from 0 up"),
        ("[labels]\nPlan = \"x\"", "/labels/Plan", "label's name"),
        ("[labels]\nplan = 7", "/labels/plan", "expected a string"),
        ("default_plan = \"pro\"", "/default_plan", "no plan has this name"),
        ("[plans.pro]\nfiles = 7", "/plans/pro/files", "no setting has this name"),
        ("[plans.pro]\nstorage_bytes = -7", "/plans/pro/storage_bytes", "bytes, such as"),
        ("[plans.pro.match]\nattr = \"x\"", "/plans/pro/match/op", "is missing"),
        ("[domains.\"a b\"]", "/domains/a b", "no domain"),
        ("[domains.\"*.com\"]", "/domains/*.com", "public suffix"),
        (
            "[domains.\"a.example\"]\nmax_accounts = 1",
            "/domains/a.example/max_accounts",
            "no setting",
        ),
        ("[[rules]]\nthen = {deny = true}", "/rules/0/when", "is missing"),
        ("[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}", "/rules/0/then", "is missing"),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}\nthen = {}",
            "/rules/0/then",
            "says nothing",
        ),
        (
            "[[rules]]\nwhen = {attr = \"email\", op = \"exists\"}\nthen = {allow = true, deny = true}",
            "/rules/0/then",
            "allows and denies",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}\nthen = {allow = false}",
            "/rules/0/then/allow",
            "expected true",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"is\", value = 1}\nthen = {deny = true}",
            "/rules/0/when/op",
            "eq, ne",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"eq\"}\nthen = {deny = true}",
            "/rules/0/when/value",
            "is missing",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"eq\", value = 1.5}\nthen = {deny = true}",
            "/rules/0/when/value",
            "strings, integers or booleans",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"in\", value = \"a\"}\nthen = {deny = true}",
            "/rules/0/when/value",
            "expected a list",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"lt\", value = \"a\"}\nthen = {deny = true}",
            "/rules/0/when/value",
            "expected an integer",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"glob\", value = 1}\nthen = {deny = true}",
            "/rules/0/when/value",
            "expected a string",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\", value = 1}\nthen = {deny = true}",
            "/rules/0/when/value",
            "true or false",
        ),
        (
            "[[rules]]\nwhen = {attr = \"\", op = \"exists\"}\nthen = {deny = true}",
            "/rules/0/when/attr",
            "is empty",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\", values = []}\nthen = {deny = true}",
            "/rules/0/when/values",
            "no setting",
        ),
        (
            "[[rules]]\nwhen = {all = [], any = []}\nthen = {deny = true}",
            "/rules/0/when",
            "one of all, any and not",
        ),
        (
            "[[rules]]\nwhen = {all = {}}\nthen = {deny = true}",
            "/rules/0/when/all",
            "expected a list",
        ),
        (
            "[[rules]]\nwhen = {any = [{attr = \"domain\", op = \"in\", value = [\"ok.example\", \"a b\"]}]}\nthen = {deny = true}",
            "/rules/0/when/any/0/value/1",
            "no domain",
        ),
        (
            "[[rules]]\nwhen = {attr = \"domain\", op = \"glob\", value = \"*.com\"}\nthen = {deny = true}",
            "/rules/0/when/value",
            "public suffix",
        ),
        (
            "[[rules]]\nwhen = {attr = \"email\", op = \"eq\", value = \"ann\"}\nthen = {deny = true}",
            "/rules/0/when/value",
            "no address",
        ),
        (&format!("[[rules]]\nwhen = {deep}\nthen = {{deny = true}}"), "/rules/0/when", "8 deep"),
        (
            "[[rules]]\nwhen = {attr = \"custom:vip\", op = \"exists\"}\nthen = {allow = true}",
            "/rules/0/when",
            "custom:vip",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}\nthen = {deny = \"No!\"}",
            "/rules/0/then/deny",
            "a-z, 0-9",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}\nthen = {deny = \"username_taken\"}",
            "/rules/0/then/deny",
            "host's own",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}\nthen = {deny = {message = \"x\"}}",
            "/rules/0/then/deny/code",
            "is missing",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}\nthen = {set_plan = \"pro\"}",
            "/rules/0/then/set_plan",
            "no plan has this name",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}\nthen = {set_prefix = \"X\"}",
            "/rules/0/then/set_prefix",
            "charset",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}\nthen = {set_quota = {files = 1}}",
            "/rules/0/then/set_quota/files",
            "no setting",
        ),
        (
            "[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}\nthen = {label = {\"a b\" = \"x\"}}",
            "/rules/0/then/label/a b",
            "label's name",
        ),
        (&rule.repeat(257), "/rules", "257 rules"),
    ] {
        let wrong = wrong(toml);
        assert_eq!(wrong.len(), 1, "{toml}: {wrong:?}");
        assert_eq!(wrong[0].0, pointer, "{toml}: {wrong:?}");
        assert!(wrong[0].1.contains(words), "{toml}: {wrong:?}");
    }
}

#[test]
fn what_is_not_there_is_missing() {
    let problems = configured::<Rules>("{}").err().expect("refused");
    assert_eq!(
        (problems[0].path.as_str(), problems[0].message.as_str()),
        ("/version", "is missing")
    );
    assert_eq!(problems.len(), 1);
}

#[test]
fn all_of_them_are_named_together() {
    let wrong = wrong(
        r#"
        version = 3
        colour = "red"
        source = ["email", "fax"]
        charset = "z-a"
        min_length = 9
        max_length = 8
        on_invalid = "replace:x"
        max_accounts = -1
        [allow]
        domains = ["*.com", "ok.example", "a..b"]
        emails = ["ann@example.com", "bob"]
        [plans.pro]
        storage_bytes = "10 XB"
        [[rules]]
        when = {all = [{attr = "domain", op = "like", value = "x"}, {attr = "groups", op = "eq"}]}
        then = {set_plan = "gold"}
        [[rules]]
        when = {attr = "custom:vip", op = "eq", value = true}
        then = {allow = true}
        "#,
    );
    let mut pointers: Vec<_> = wrong.iter().map(|(pointer, _)| pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/allow/domains/0",
            "/allow/domains/2",
            "/allow/emails/1",
            "/charset",
            "/colour",
            "/max_accounts",
            "/min_length",
            "/on_invalid",
            "/plans/pro/storage_bytes",
            "/rules/0/then/set_plan",
            "/rules/0/when/all/0/op",
            "/rules/0/when/all/1/value",
            "/rules/1/when",
            "/source/1",
            "/version",
        ],
        "{wrong:#?}"
    );
}

#[test]
fn labels_are_sixteen_in_all() {
    let labels = |count: usize| (0..count).map(|i| format!("l{i} = \"x\"\n")).collect::<String>();
    read(&format!("[labels]\n{}", labels(16))).map(drop).expect("sixteen");
    assert_eq!(wrong(&format!("[labels]\n{}", labels(17)))[0].0, "/labels");
    // The plan is one.
    assert_eq!(wrong(&format!("[plans.pro]\n[labels]\n{}", labels(16)))[0].0, "/labels");
}

#[test]
fn the_host_has_these_codes_for_itself() {
    let known = enlist_rules::HOST_CODES;
    assert!(known.is_sorted() && known.contains(&"username_taken"));
}

#[test]
fn so_many_are_named_that_an_answer_has_room_for() {
    let entries: Vec<_> =
        (0..1000).map(|i| format!("{:?}", format!("{i} {}", "x".repeat(200)))).collect();
    let wrong = wrong(&format!("[allow]\ndomains = [{}]", entries.join(",")));
    assert_eq!((wrong.len(), wrong[200].1.as_str()), (201, "and 800 more"));
    assert!(
        wrong.iter().map(|(pointer, message)| pointer.len() + message.len()).sum::<usize>()
            < 60_000
    );
}
