"""What Python's configparser makes of small ini files, for the test of ini.rs: python3 cases.py > cases.json"""

import configparser
import json
import random

BY_HAND = [
    "[sync_app]\nhost = 127.0.0.1\nport: 27702\n",
    "\ufeff[sync_app]\nkey = bom\n",
    "[sync_app]\r\nKEY=1\r\nOther : 2\r\n",
    "[sync_app]\rkey = mac\r",
    "[sync_app]\nkey = a # no comment\nother = b ; nor this\n",
    "# comment\n; comment\n  # indented\n[sync_app]\n# x\nkey = 1\n",
    "[sync_app]\nkey = first\n  second\n\n  third\n# comment\n  fourth\n\n\n",
    "[sync_app]\nkey =\n  only below\n",
    "[sync_app]\nkey = a = b : c\nurl: http://x:1/=y\n",
    "[sync_app]\n  key = indented\n  other = same\n    further in\n",
    "[sync_app]\nkey = 1\nkey = 2\n",
    "[sync_app]\nkey = 1\nKEY = 2\n",
    "[sync_app]\nkey = 1\n[sync_app]\nother = 2\n",
    "[DEFAULT]\nbase = /srv\n[sync_app]\npath = %(base)s/x\n[DEFAULT]\nmore = %(path)s\n",
    "[DEFAULT]\na = 1\n[x]\n[DEFAULT]\na = 2\n",
    "[sync_app]\nkey = 100%\n",
    "[sync_app]\nkey = 100%%\nother = %%(key)s\n",
    "[sync_app]\nkey = %(missing)s\n",
    "[sync_app]\nkey = %(other\n",
    "[sync_app]\nkey = %(oth)er)s\noth = 1\n",
    "[sync_app]\nkey = %()s\n",
    "[sync_app]\na = %(b)s\nb = %(a)s\n",
    "[sync_app]\na0 = x\n" + "".join(f"a{n} = %(a{n - 1})s\n" for n in range(1, 13)),
    "[sync_app]\nkey = %(OTHER)s\nother = upper\n",
    "key = 1\n[sync_app]\n",
    "[sync_app]\nno delimiter\nkey = 1\n",
    "[sync_app]\nno delimiter\nkey = 1\nkey = 2\n",
    "[sync_app]\n= empty name\n",
    "[sync_app]\n[]\n",
    "[sync_app]\n[] = odd\n",
    "[sync_app] # trailing\nkey = 1\n",
    "[a]b]\nkey = 1\n[sync_app]\nx = 2\n",
    "[sync_app\nkey = 1\n",
    " [sync_app]\n key = 1\n",
    "[ sync_app ]\nkey = 1\n",
    "[Sync_App]\nkey = 1\n",
    "[sync_app]\n\x1c\x1fkey\x1d=\x1evalue\x1f\n",
    "[sync_app]\n\u00a0key\u2003=\u3000value\u2028\n",
    "[sync_app]\nk\u0130 = dotted\nSTRASSE = \u1e9e\n",
    "[sync_app]\nkey = a\u2028b\x0bc\x0cd\n",
    "[sync_app]\nkey\t=\tvalue\t\n\tgoes on\n",
    "[sync_app]\nkey = \n\n\nother = 1\n",
    "[sync_app]\nkey = x\n   \n  y\n",
    "",
    "\n\n",
    "[DEFAULT]\nkey = 1\n",
    "[sync_app]",
    "[sync_app]\nkey",
]

PIECES = [
    "[sync_app]\n", "[DEFAULT]\n", "[other]\n", "key = ", "Key: ", "other=", "= ", "\n", "\n\n", "  ", "\t", "value", "%", "%%",
    "%(key)s", "%(other)s", "%(", ")s", "# ", "; ", ":", "=", "]", "[", " x", "\r\n", "\r", "\u00a0", "\x1c", "\u00fc", "a\n", "  b\n",
]


def judged(text):
    parser = configparser.ConfigParser()
    try:
        lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        parser.read_string(lines)
    except (configparser.DuplicateOptionError, configparser.DuplicateSectionError, configparser.MissingSectionHeaderError) as error:
        return {"text": text, "mistake": error.lineno}
    except configparser.ParsingError as error:
        return {"text": text, "mistake": error.errors[0][0]}
    if "sync_app" not in parser:
        return {"text": text, "section": None}
    section = {}
    for name in parser["sync_app"]:
        try:
            section[name] = parser["sync_app"][name]
        except configparser.InterpolationError:
            section[name] = None
    return {"text": text, "section": section}


def main():
    draw = random.Random(7)
    # Most of what is drawn is a mistake at once: of those a few are enough.
    drawn, mistakes = [], 0
    while len(drawn) < 400:
        text = "[sync_app]\n" + "".join(draw.choices(PIECES, k=draw.randint(2, 14)))
        mistakes += "mistake" in judged(text)
        if mistakes < 100 or "mistake" not in judged(text):
            drawn.append(text)
    print("[\n" + ",\n".join(json.dumps(judged(text)) for text in BY_HAND + drawn) + "\n]")


main()
