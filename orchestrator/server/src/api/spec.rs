//! One table of routes, from which come the router, the checks of roles and the OpenAPI document.
//!
//! A route is added with its handler and with what it is in one call ([`Routes::add`]), so none can be served that the document
//! does not have, and the role that the document names is the one that is checked.

use std::{borrow::Cow, collections::BTreeMap};

use axum::{Router, extract::DefaultBodyLimit, handler::Handler, http::Method, routing::MethodRouter};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use stakeout_contract::api::{
    access::Role,
    problem::{Code, Problem},
};

use super::{App, auth};

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

fn schema_of<T: JsonSchema>(g: &mut SchemaGenerator) -> Schema {
    g.subschema_for::<T>()
}

/// Who may call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needs {
    /// Anyone.
    Nothing,
    /// A token that covers this role.
    Role(Role),
    /// An admin of the tenant `farm`.
    Operator,
}

#[derive(Clone)]
enum Content {
    Json(SchemaOf),
    Bytes(&'static str),
}

/// What a route is.
#[derive(Clone)]
pub(crate) struct Op {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) needs: Needs,
    tag: &'static str,
    summary: &'static str,
    more: &'static str,
    query: Option<SchemaOf>,
    headers: Vec<(&'static str, &'static str, bool)>,
    body: Option<Content>,
    /// Largest body, bytes; none: as all others.
    body_max: Option<usize>,
    answers: Vec<(u16, &'static str, Option<Content>)>,
    /// What it gives has an ETag, and is not given again to who has it.
    tagged: bool,
    problems: Vec<Code>,
}

/// A route for those with a role.
pub(crate) fn op(method: Method, path: &'static str, id: &'static str, needs: Needs, summary: &'static str) -> Op {
    let tag = path.trim_start_matches("/v1/").split('/').next().unwrap_or_default();
    Op {
        method,
        path,
        id,
        needs,
        tag,
        summary,
        more: "",
        query: None,
        headers: vec![],
        body: None,
        body_max: None,
        answers: vec![],
        tagged: false,
        problems: vec![],
    }
}

impl Op {
    /// More words.
    pub(crate) fn more(mut self, text: &'static str) -> Self {
        self.more = text;
        self
    }

    /// Query parameters: the fields of a type.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>);
        self
    }

    /// A header of the request.
    pub(crate) fn header(mut self, name: &'static str, what: &'static str, required: bool) -> Self {
        self.headers.push((name, what, required));
        self
    }

    /// Takes a JSON document.
    pub(crate) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Content::Json(schema_of::<T>));
        self.problems.extend([Code::BadRequest, Code::MediaType, Code::BadValue, Code::TooLarge]);
        self
    }

    /// Takes bytes.
    pub(crate) fn takes_bytes(mut self, media: &'static str) -> Self {
        self.body = Some(Content::Bytes(media));
        self.problems.extend([Code::BadRequest, Code::MediaType, Code::BadValue, Code::TooLarge]);
        self
    }

    /// Takes a body of so many MiB, where it is more than is taken elsewhere. The document says so.
    pub(crate) const fn takes_mib(mut self, most: usize) -> Self {
        self.body_max = Some(most << 20);
        self
    }

    /// Answers with a JSON document.
    pub(crate) fn gives<T: JsonSchema>(mut self, status: u16, what: &'static str) -> Self {
        self.answers.push((status, what, Some(Content::Json(schema_of::<T>))));
        self
    }

    /// Answers with bytes.
    pub(crate) fn gives_bytes(mut self, status: u16, media: &'static str, what: &'static str) -> Self {
        self.answers.push((status, what, Some(Content::Bytes(media))));
        self
    }

    /// Answers without a body.
    pub(crate) fn gives_nothing(mut self, status: u16, what: &'static str) -> Self {
        self.answers.push((status, what, None));
        self
    }

    /// What it gives has an ETag: who has that already is told so, with 304. Of bytes one may ask for a range too.
    pub(crate) fn tagged(mut self) -> Self {
        self.tagged = true;
        if self.answers.iter().any(|(status, ..)| *status == 206) {
            self = self.header("Range", "One range of bytes", false).header("If-Range", "The ETag of which one has a part", false);
        }
        self.header("If-None-Match", "The ETag of what one has: 304 if nothing changed", false).gives_nothing(304, "As before")
    }

    /// May fail so.
    pub(crate) fn fails(mut self, codes: &[Code]) -> Self {
        self.problems.extend(codes);
        self
    }
}

/// The table.
pub(crate) struct Routes {
    app: App,
    router: Router<App>,
    ops: Vec<Op>,
}

impl Routes {
    pub(crate) fn new(app: App) -> Self {
        Self { app, router: Router::new(), ops: vec![] }
    }

    /// Adds a route. Its role is checked before the handler runs.
    pub(crate) fn add<H, T>(&mut self, op: Op, handler: H)
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = axum::routing::MethodFilter::try_from(op.method.clone()).unwrap_or(axum::routing::MethodFilter::GET);
        let method = MethodRouter::new().on(filter, handler);
        // The innermost bound counts: this one is within the router's.
        let method = match op.body_max {
            Some(most) => method.layer(DefaultBodyLimit::max(most)),
            None => method,
        };
        let gate = auth::Gate { app: self.app.clone(), needs: op.needs, route: op.path };
        let method = method.route_layer(axum::middleware::from_fn_with_state(gate, auth::check));
        let router = std::mem::take(&mut self.router);
        self.router = router.route(op.path, method);
        self.ops.push(op);
    }

    /// Router and table.
    pub(crate) fn end(self) -> (Router<App>, Vec<Op>) {
        (self.router, self.ops)
    }
}

/// The OpenAPI 3.1 document.
pub(crate) fn document(ops: &[Op]) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = Cow::Borrowed("/components/schemas");
    settings.meta_schema = None;
    let mut g = settings.into_generator();
    let problem = schema_of::<Problem>(&mut g);
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for op in ops {
        let item = operation(op, &mut g, &problem);
        paths.entry(op.path).or_default().insert(op.method.as_str().to_lowercase(), item);
    }
    let schemas = g.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stakeout",
            "version": "1",
            "summary": "What does this Android app do with the camera, the microphone and personal data while nobody is using it?",
            "description": "Submit an app and a scenario, follow the job, read verdicts and the signed bundle. Another tenant's things do not exist (404). \
                Errors are problem documents (RFC 9457) whose `type` is stable. Lists come in pages. Times are Unix milliseconds.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "A token of `stakeout token new`."}},
        },
    })
}

fn operation(op: &Op, g: &mut SchemaGenerator, problem: &Schema) -> Value {
    let mut parameters = path_parameters(op.path);
    if let Some(query) = op.query {
        parameters.extend(query_parameters(query, g));
    }
    for (name, what, required) in &op.headers {
        parameters.push(json!({"name": name, "in": "header", "required": required, "description": what, "schema": header_schema(name)}));
    }
    let mut responses = Map::new();
    for (status, what, content) in &op.answers {
        responses.insert(status.to_string(), answer(what, content.as_ref(), g));
    }
    let mut codes = op.problems.clone();
    if op.needs != Needs::Nothing {
        codes.extend([Code::Unauthorized, Code::Forbidden, Code::TooMany]);
    }
    if op.path.contains('{') {
        codes.extend([Code::BadRequest, Code::NotFound]);
    }
    if op.query.is_some() {
        codes.push(Code::BadRequest);
    }
    codes.extend([Code::Internal, Code::Unavailable]);
    if op.method != Method::GET {
        codes.push(Code::Full);
    }
    for code in codes {
        let entry = responses
            .entry(code.status().to_string())
            .or_insert_with(|| json!({"description": "", "content": {"application/problem+json": {"schema": problem}}}));
        let said = entry["description"].as_str().unwrap_or_default().to_owned();
        let this = format!("{} (`{}`)", code.title(), code.text());
        if !said.contains(&this) {
            entry["description"] = Value::from(if said.is_empty() { this } else { format!("{said}; {this}") });
        }
    }
    answer_headers(op, &mut responses);
    let mut out = json!({
        "operationId": op.id,
        "tags": [op.tag],
        "summary": op.summary,
        "description": format!("{}{}", op.more, role_text(op.needs)).trim(),
        "parameters": parameters,
        "responses": responses,
    });
    out["security"] = if op.needs == Needs::Nothing { json!([]) } else { json!([{"token": []}]) };
    if let Some(body) = &op.body {
        out["requestBody"] = json!({"required": true, "content": content(body, g)});
        if let Some(most) = op.body_max {
            out["requestBody"]["description"] = Value::from(format!("At most {} MiB.", most >> 20));
        }
    }
    out
}

/// What answers have in their head beside what any has.
fn answer_headers(op: &Op, responses: &mut Map<String, Value>) {
    let once = op.headers.iter().any(|(name, ..)| *name == "Idempotency-Key");
    for (status, answer) in responses.iter_mut() {
        let mut headers = Map::new();
        let mut has = |name: &str, what: &str, schema: Value| {
            headers.insert(name.to_owned(), json!({"description": what, "schema": schema}));
        };
        if op.tagged && matches!(status.as_str(), "200" | "206" | "304") {
            has("ETag", "Another when this is another", json!({"type": "string"}));
        }
        if status == "206" {
            has("Content-Range", "Which part of how many bytes", json!({"type": "string"}));
        }
        if once && status.starts_with('2') {
            has("Idempotent-Replay", "It is the answer of the first time", json!({"type": "string", "enum": ["true"]}));
        }
        if matches!(status.as_str(), "409" | "429" | "503" | "507") {
            has("Retry-After", "Seconds after which to try again, where that may help", json!({"type": "integer", "minimum": 0}));
        }
        if !headers.is_empty() {
            answer["headers"] = Value::Object(headers);
        }
    }
}

fn role_text(needs: Needs) -> String {
    match needs {
        Needs::Nothing => String::new(),
        Needs::Role(r) => format!(" Role: {}.", r.as_str()),
        Needs::Operator => " Role: admin of the tenant `farm`.".to_owned(),
    }
}

fn content(c: &Content, g: &mut SchemaGenerator) -> Value {
    match c {
        Content::Json(schema) => json!({"application/json": {"schema": schema(g)}}),
        Content::Bytes(media) => {
            let mut out = Map::new();
            out.insert((*media).to_owned(), if media.starts_with("text/") { json!({"schema": {"type": "string"}}) } else { json!({}) });
            Value::Object(out)
        }
    }
}

fn answer(what: &str, c: Option<&Content>, g: &mut SchemaGenerator) -> Value {
    match c {
        None => json!({"description": what}),
        Some(c) => json!({"description": what, "content": content(c, g)}),
    }
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|s| s.strip_prefix('{').and_then(|s| s.strip_suffix('}')));
    names
        .map(|name| {
            let (schema, what) = match name {
                "sha256" => (json!({"type": "string", "pattern": "^[0-9a-f]{64}$"}), "SHA-256, 64 hexadecimal digits"),
                "epoch" => (json!({"type": "integer", "minimum": 1, "maximum": u32::MAX}), "epoch of the lease"),
                "name" => (json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}), "a name"),
                _ => (json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}), "an id"),
            };
            json!({"name": name, "in": "path", "required": true, "description": what, "schema": schema})
        })
        .collect()
}

fn header_schema(name: &str) -> Value {
    match name {
        "Upload-Offset" | "Last-Event-ID" => json!({"type": "integer", "minimum": 0}),
        "Idempotency-Key" => json!({"type": "string", "pattern": "^[!-~]{1,200}$"}),
        "Content-Digest" => json!({"type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{43}=:$"}),
        // One that says nothing asks for nothing.
        "If-Match" | "If-None-Match" | "If-Range" | "Range" => json!({"type": "string"}),
        _ => json!({"type": "string", "pattern": "^[ -~]{1,1000}$"}),
    }
}

/// The fields of a type, each as a parameter.
fn query_parameters(schema: SchemaOf, g: &mut SchemaGenerator) -> Vec<Value> {
    let mut found = schema(g).to_value();
    if let Some(name) = found["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
        found = g.definitions().get(name).cloned().unwrap_or_default();
    }
    let fields = found["properties"].as_object().cloned().unwrap_or_default();
    fields
        .into_iter()
        .map(|(name, mut schema)| {
            let what = schema["description"].take();
            if let Some(s) = schema.as_object_mut() {
                s.remove("description");
                // An absent parameter is absent, never `null`.
                if let Some(Value::Array(types)) = s.get_mut("type") {
                    types.retain(|t| t != "null");
                    if let [one] = &types[..] {
                        let one = one.clone();
                        s.insert("type".to_owned(), one);
                    }
                }
                if let Some(Value::Array(any)) = s.get_mut("anyOf") {
                    any.retain(|t| t["type"] != "null");
                }
                s.remove("default");
            }
            json!({"name": name, "in": "query", "required": false, "description": what, "schema": schema})
        })
        .collect()
}
