//! Addresses of pages.

/// A path with its query; what is empty is left out.
pub(super) fn to(path: &str, query: &[(&str, &str)]) -> String {
    let given: Vec<_> = query.iter().filter(|(_, v)| !v.is_empty()).collect();
    // Only its query is used.
    let url = reqwest::Url::parse_with_params("http://server/", given).ok();
    match url.as_ref().and_then(|u| u.query()).filter(|q| !q.is_empty()) {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// Where a person goes after signing in: only a path of this server.
pub(super) fn own(path: &str) -> &str {
    let ours = path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if ours { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded_and_what_is_empty_is_left_out() {
        assert_eq!(to("/", &[("tag", "a&b ü"), ("state", ""), ("cursor", "x=")]), "/?tag=a%26b+%C3%BC&cursor=x%3D");
        assert_eq!(to("/compare", &[]), "/compare");
    }

    #[test]
    fn nobody_is_sent_to_another_server() {
        for path in ["/jobs/job-1?x=1", "/"] {
            assert_eq!(own(path), path);
        }
        for path in ["//evil.example/", "/\\evil.example", "https://evil.example", "", "/a\r\nb", "javascript:alert(1)"] {
            assert_eq!(own(path), "/", "{path}");
        }
    }
}
