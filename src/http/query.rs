//! Query parameters, with errors that name the parameter and say what it must be.

use super::problem::{Kind, Problem};
use std::fmt::Display;
use std::str::FromStr;
use warp::{Filter, Rejection};

/// The parameters of one request; every one of them is known to the call and stands once.
#[derive(Debug, Clone)]
pub struct Query(Vec<(String, String)>);

/// Extracts the query, whose parameters must be among `allowed`.
pub fn query(allowed: &'static [&'static str]) -> impl Filter<Extract = (Query,), Error = Rejection> + Clone {
    warp::query::<Vec<(String, String)>>().and_then(move |pairs: Vec<(String, String)>| {
        let checked = check(pairs, allowed).map_err(warp::reject::custom);
        async move { checked }
    })
}

fn check(pairs: Vec<(String, String)>, allowed: &[&str]) -> Result<Query, Problem> {
    for (index, (name, _)) in pairs.iter().enumerate() {
        if !allowed.contains(&name.as_str()) {
            let takes = if allowed.is_empty() { "none".into() } else { allowed.join(", ") };
            let detail = format!("There is no parameter {name:?}; this call takes {takes}.");
            return Err(Problem::new(Kind::BadRequest, detail));
        }
        if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(Problem::new(Kind::BadRequest, format!("The parameter `{name}` stands twice.")));
        }
    }
    Ok(Query(pairs))
}

impl Query {
    /// These parameters, for tests.
    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The parameter's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The parameter read by its type's own parser.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T::Err: Display,
    {
        self.read(name, |text| text.parse::<T>().map_err(|error| error.to_string()))
    }

    /// The parameter as a number within bounds.
    pub fn number(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>, Problem> {
        self.read(name, |text| {
            let number = text.parse().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| format!("it must be a whole number from {least} to {most}"))
        })
    }

    /// The parameter read by `read`, whose error says what it must be.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Problem> {
        self.text(name).map(read).transpose().map_err(|must| {
            Problem::new(Kind::BadRequest, format!("The parameter `{name}` cannot be used: {must}."))
        })
    }
}
