//! From what the browser told to what is wrong with a page.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::browser::Event;

/// What these events say against a page. Its origin is that of the first file which was asked for.
pub(crate) fn complaints(events: &[Event]) -> Vec<String> {
    let mut requests = Requests::default();
    events.iter().filter_map(|event| complaint(event, &mut requests)).collect()
}

#[derive(Default)]
struct Requests {
    origin: Option<String>,
    /// A failure only names the request, not what it asked for.
    urls: BTreeMap<String, String>,
}

fn complaint(event: &Event, requests: &mut Requests) -> Option<String> {
    let params = &event.params;
    match event.method.as_str() {
        "Runtime.consoleAPICalled" => {
            let level = text(&params["type"]);
            let words = params["args"].as_array()?.iter().map(argument).collect::<Vec<_>>().join(" ");
            matches!(level, "error" | "warning" | "assert").then(|| format!("console.{level}: {words}"))
        }
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            let description = details["exception"]["description"].as_str().unwrap_or_else(|| text(&details["text"]));
            Some(format!("exception: {description}"))
        }
        // Violations of the content security policy come this way.
        "Log.entryAdded" => {
            let entry = &params["entry"];
            let level = text(&entry["level"]);
            let (source, words) = (text(&entry["source"]), text(&entry["text"]));
            matches!(level, "error" | "warning").then(|| format!("{source} {level}: {words} {}", text(&entry["url"])))
        }
        "Network.requestWillBeSent" => {
            let url = text(&params["request"]["url"]);
            requests.urls.insert(text(&params["requestId"]).to_owned(), url.to_owned());
            let (scheme, rest) = url.split_once("://")?;
            let origin = format!("{scheme}://{}", rest.split('/').next()?);
            let own = requests.origin.get_or_insert_with(|| origin.clone());
            (*own != origin).then(|| format!("request to another origin: {url}"))
        }
        "Network.responseReceived" => {
            let (status, url) = (params["response"]["status"].as_u64()?, text(&params["response"]["url"]));
            (status >= 400).then(|| format!("status {status}: {url}"))
        }
        "Network.loadingFailed" => {
            let url = requests.urls.get(text(&params["requestId"])).map_or("an unknown address", String::as_str);
            Some(format!("request failed: {url}: {}", text(&params["errorText"])))
        }
        _ => None,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An argument of a call to the console: a string as it is, an object by its description.
fn argument(argument: &Value) -> String {
    match &argument["value"] {
        Value::String(words) => words.clone(),
        Value::Null => text(&argument["description"]).to_owned(),
        other => other.to_string(),
    }
}
