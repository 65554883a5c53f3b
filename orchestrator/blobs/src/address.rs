//! Where the artifacts are, as an operator writes it: a folder, `file://` a folder, or `s3://` a bucket.

use std::path::PathBuf;

use url::Url;

use crate::{BlobError, S3Options};

/// A storage, not yet opened.
#[derive(Debug)]
pub(crate) enum Address {
    Folder(PathBuf),
    S3(S3Options),
}

/// Parses an address. Credentials are no part of it: what stands in command lines is seen by all.
pub(crate) fn parse(address: &str) -> Result<Address, BlobError> {
    let shown = address.split(['?', '@']).next().unwrap_or_default();
    let bad = |why: &str| BlobError::Address { address: shown.to_owned(), why: why.to_owned() };
    if address.is_empty() {
        return Err(bad("a folder or `s3://bucket/prefix` is expected"));
    }
    let Some((scheme, _)) = address.split_once("://") else { return Ok(Address::Folder(address.into())) };
    match scheme {
        "file" => {
            let url = Url::parse(address).map_err(|_| bad("`file://` takes the whole path of a folder, as in `file:///srv/artifacts`"))?;
            let path = url.to_file_path().map_err(|()| bad("`file://` takes the whole path of a folder, as in `file:///srv/artifacts`"))?;
            Ok(Address::Folder(path))
        }
        "s3" => {
            let url = Url::parse(address).map_err(|_| bad("`s3://bucket/prefix` is expected"))?;
            if !url.username().is_empty() || url.password().is_some() {
                return Err(BlobError::Address {
                    address: "s3://..".to_owned(),
                    why: "credentials are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, not from here".to_owned(),
                });
            }
            let bucket = url.host_str().filter(|b| !b.is_empty()).ok_or_else(|| bad("the name of the bucket is missing"))?;
            let mut o = S3Options::new(bucket);
            url.path().trim_matches('/').clone_into(&mut o.prefix);
            let mut style = None;
            for (key, value) in url.query_pairs() {
                let yes = || match &*value {
                    "true" | "1" => Ok(true),
                    "false" | "0" => Ok(false),
                    _ => Err(bad(&format!("`{key}` is `true` or `false`"))),
                };
                match &*key {
                    "endpoint" => o.endpoint = Some(value.into_owned()),
                    "region" => o.region = Some(value.into_owned()),
                    "allow_http" => o.allow_http = yes()?,
                    "path_style" => style = Some(yes()?),
                    _ => return Err(bad(&format!("`{key}` is none of `endpoint`, `region`, `allow_http`, `path_style`"))),
                }
            }
            // Who writes `http://` has said so; a server of one's own seldom has a name for each bucket.
            o.allow_http |= o.endpoint.as_deref().is_some_and(|e| e.starts_with("http://"));
            o.path_style = style.unwrap_or(o.endpoint.is_some());
            Ok(Address::S3(o))
        }
        _ => Err(bad("a folder, `file://` or `s3://` is expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_folder_with_and_without_its_scheme() {
        for (address, path) in [("data/x", "data/x"), ("/srv/a", "/srv/a"), ("file:///srv/a%20b", "/srv/a b")] {
            assert!(matches!(parse(address), Ok(Address::Folder(p)) if p.as_path() == std::path::Path::new(path)), "{address}");
        }
    }

    #[test]
    fn a_bucket_has_its_prefix_and_its_server() {
        let Ok(Address::S3(o)) = parse("s3://evidence/farm/one?endpoint=http://127.0.0.1:9000&region=eu-west-1") else { panic!() };
        assert_eq!((o.bucket.as_str(), o.prefix.as_str()), ("evidence", "farm/one"));
        assert_eq!((o.endpoint.as_deref(), o.region.as_deref()), (Some("http://127.0.0.1:9000"), Some("eu-west-1")));
        assert!(o.allow_http && o.path_style);
        let Ok(Address::S3(o)) = parse("s3://evidence?region=eu-west-1") else { panic!() };
        assert!(!o.allow_http && !o.path_style && o.prefix.is_empty());
    }

    #[test]
    fn what_is_no_address_says_what_is_expected_and_shows_no_secret() {
        for bad in ["", "s3://", "s3:///x", "ftp://x", "file://host/x", "s3://b?colour=red", "s3://b?path_style=maybe", "s3://u:secret@b/p"]
        {
            let e = parse(bad).unwrap_err().to_string();
            assert!(e.contains("address") && !e.contains("secret"), "{bad}: {e}");
        }
    }
}
