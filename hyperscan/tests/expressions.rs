//! What is refused, where and why; and matches of what Vectorscan does not take, by PCRE's rules.

mod common;

use common::{BLOCK, Calls, Expression, Ext, Set};

const DOTALL: u32 = 2;
const MULTILINE: u32 = 4;
const ALLOWEMPTY: u32 = 16;
const UTF8: u32 = 32;
const UCP: u32 = 64;
const SOM: u32 = 256;
const COMBINATION: u32 = 512;

fn compile(text: &str, flags: u32) -> Result<Set, String> {
    let one = [Expression { text: text.into(), flags, ext: Ext::default() }];
    Set::compile(Calls::ours(), &one, BLOCK).map_err(|(why, _)| why)
}

#[test]
fn refusals_tell_the_place() {
    for (text, flags, place) in [
        ("ab(", 0, "index 2"),
        ("ab)", 0, "index 2"),
        ("a[b", 0, "index 1"),
        ("a\\", 0, "index 1"),
        ("ab**", 0, "index 3"),
        ("*a", 0, "index 0"),
        ("a{3,2}", 0, "index 1"),
        ("a{40000}", 0, "index 0"),
        ("a++", 0, "index 2"),
        ("x(?=a)", 0, "index 1"),
        ("x(?<!a)", 0, "index 1"),
        ("x(?>a)", 0, "index 1"),
        ("x(?(1)a)", 0, "index 1"),
        ("x(?R)", 0, "index 1"),
        ("x(?|a)", 0, "index 1"),
        ("(a)\\1", 0, "index 3"),
        ("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\\10", 0, "index 30"),
        ("a\\K", 0, "index 1"),
        ("a\\R", 0, "index 1"),
        ("a\\X", 0, "index 1"),
        ("\\G", 0, "index 0"),
        ("a\\C", UTF8, "index 1"),
        ("a\\p{Lu}", 0, "index 1"),
        ("a\\p{Nonsense}", UTF8, "index 1"),
        ("a\\x{100}", 0, "index 1"),
        ("a\\x{d800}", UTF8, "index 1"),
        ("a\\400", 0, "index 1"),
        ("\\bfoo", UTF8 | UCP, "index 0"),
        ("[z-a]", 0, "index"),
        ("[\\d-z]", 0, "index 1"),
        ("[a-\\d]", 0, "index 1"),
        ("[[.a.]]", 0, "index 1"),
        ("[[:nonsense:]]", 0, "index 1"),
        ("[:alpha:]", 0, "index 0"),
        ("a$b", 0, "index 1"),
        ("(a$)+", 0, "index 2"),
        ("a\\Zb", 0, "index 1"),
        ("^a?", MULTILINE | ALLOWEMPTY, "index 0"),
        ("^*a", 0, "index 1"),
        ("(?<n>a)(?<n>b)", 0, "index 10"),
        ("(?U)a", 0, "index 0"),
        ("(*ACCEPT)a", 0, "index 0"),
        ("a(?#b", 0, "index 1"),
        ("a*", 0, "HS_FLAG_ALLOWEMPTY"),
        ("a", UCP, "HS_FLAG_UCP"),
        ("a", COMBINATION, "HS_FLAG_COMBINATION"),
        ("a", 1 << 20, "flag"),
    ] {
        match compile(text, flags) {
            Ok(_) => panic!("/{text}/ is taken"),
            Err(why) => assert!(why.contains(place), "/{text}/: {why}"),
        }
    }
    let deep = format!("{}a{}", "(".repeat(5000), ")".repeat(5000));
    assert!(compile(&deep, 0).is_err_and(|why| why.contains("nested")));
    assert!(compile("\u{e9}", 0).is_ok());
}

#[test]
fn invalid_utf8_is_refused_in_utf8_mode() {
    let one = [Expression { text: b"a\xff".to_vec(), flags: UTF8, ext: Ext::default() }];
    assert!(Set::compile(Calls::ours(), &one, BLOCK).is_err_and(|(why, index)| why.contains("UTF-8") && index == 0));
}

#[test]
fn what_vectorscan_does_not_take() {
    for (text, flags, data, wanted) in [
        // Starts of what may be empty.
        ("a*", SOM | ALLOWEMPTY, "baa", &[(0, 0), (1, 1), (1, 2), (1, 3)][..]),
        ("$", SOM | ALLOWEMPTY, "a\n", &[(1, 1), (2, 2)]),
        // Not between the bytes of a character.
        ("\\B", ALLOWEMPTY | UTF8, "\u{e9}a", &[(0, 0)]),
        ("b?", SOM | ALLOWEMPTY | UTF8, "\u{e9}", &[(0, 0), (2, 2)]),
        // Anchors inside that can be had exactly.
        ("\\n^b", MULTILINE | SOM, "a\nb", &[(1, 3)]),
        ("a$\\n", MULTILINE | SOM, "a\n", &[(0, 2)]),
        ("a\\z|b$", SOM, "b\n", &[(0, 1)]),
        ("a\\z|b$", SOM, "a\n", &[]),
        ("\\N+c", SOM, "\nabc", &[(1, 4)]),
        ("x{0}a", SOM, "xa", &[(1, 2)]),
        ("a.b", SOM | DOTALL, "a\nb", &[(0, 3)]),
    ] {
        let set = compile(text, flags).unwrap_or_else(|why| panic!("/{text}/: {why}"));
        let found: Vec<_> = set.scan(data.as_bytes()).into_iter().map(|(_, from, to)| (from, to)).collect();
        assert_eq!(found, wanted, "/{text}/ on {data:?}");
    }
}
