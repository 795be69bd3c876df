//! The rule sets.

use std::path::Path;

/// The regexes of a gitleaks rule file.
pub fn gitleaks(path: &Path) -> Option<Vec<String>> {
    let file: toml::Table = std::fs::read_to_string(path).ok()?.parse().ok()?;
    let rules = file.get("rules")?.as_array()?;
    Some(rules.iter().filter_map(|rule| Some(rule.get("regex")?.as_str()?.to_string())).collect())
}

/// Rules in the manner of intrusion detection: a fixed string with context, half of them caseless, written here from
/// the formats' public description. The same rules every time.
pub fn intrusion(count: usize) -> Vec<String> {
    const METHODS: [&str; 6] = ["GET", "POST", "PUT", "HEAD", "USER", "RETR"];
    const WORDS: [&str; 16] = [
        "admin", "shell", "config", "upload", "login", "passwd", "cgi-bin", "setup", "backup", "install", "gateway",
        "update", "report", "session", "console", "proxy",
    ];
    const ENDS: [&str; 6] = ["\\.php", "\\.asp", "\\.exe", "\\.cgi", "\\.dll", "\\.jsp"];
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    (0..count)
        .map(|i| {
            let caseless = if next(2) == 0 { "(?i)" } else { "" };
            let (a, b) = (WORDS[next(16)], WORDS[next(16)]);
            let (method, end) = (METHODS[next(6)], ENDS[next(6)]);
            let (x, y) = (next(256), next(256));
            match next(6) {
                0 => format!("{caseless}/{a}{i}/{b}{end}"),
                1 => format!("{caseless}{method} /{a}[^\\n]{{0,40}}{b}{i}="),
                2 => format!("{caseless}{a}_{b}{i}\\s*=\\s*[\"'][^\"']{{8,64}}[\"']"),
                3 => format!("\\x{x:02x}\\x{y:02x}{a}\\x00{{2,4}}{b}{i}"),
                4 => format!("{caseless}User-Agent: {a}{i}/\\d+\\.\\d+"),
                _ => format!("{caseless}[?&]{a}{i}=(?:\\.\\./|%2e%2e%2f){{2,}}{b}"),
            }
        })
        .collect()
}
