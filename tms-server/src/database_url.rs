//! The address of a database as it may be shown.

/// What stands for a password.
const HIDDEN: &str = "(hidden)";

/// A database's URL without the passwords in it. What cannot be told apart from a password is hidden, too.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| *scheme != "sqlite") else {
        return if url.starts_with("sqlite:") { url.to_owned() } else { HIDDEN.to_owned() };
    };
    // The last @, in case that the password has one that should have been escaped.
    let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
    let user = user.map(|user| match user.split_once(':') {
        Some((name, _)) => format!("{name}:{HIDDEN}@"),
        None => format!("{user}@"),
    });
    let (place, query) = place.split_once('?').map_or((place, None), |(place, query)| (place, Some(query)));
    let query = query.map(|query| {
        let pairs: Vec<String> = query.split('&').map(shown_pair).collect();
        format!("?{}", pairs.join("&"))
    });
    format!("{scheme}://{}{place}{}", user.unwrap_or_default(), query.unwrap_or_default())
}

fn shown_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_wherever_they_stand() {
        for (url, shown) in [
            ("sqlite://./data/a@b:c/tms.db", "sqlite://./data/a@b:c/tms.db"),
            ("sqlite:tms.db?mode=rw", "sqlite:tms.db?mode=rw"),
            ("postgres://tms:word@db:5432/tms", "postgres://tms:(hidden)@db:5432/tms"),
            ("postgres://tms@db/tms", "postgres://tms@db/tms"),
            ("postgres://tms:w@rd/w:rd@db/tms", "postgres://tms:(hidden)@db/tms"),
            (
                "postgres://db/tms?user=u&PassWord=word&sslmode=require",
                "postgres://db/tms?user=u&PassWord=(hidden)&sslmode=require",
            ),
            ("postgres:tms:word", "(hidden)"),
            ("word", "(hidden)"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
