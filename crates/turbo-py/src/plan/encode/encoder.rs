//! What one route does with what its endpoint returned.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use pyo3::{PyTraverseError, PyVisit};

use super::call::PreparedCall;
use super::familiar::Familiar;
use super::json::{self, PrivateKeys};
use super::payload::{Head, Payload, has_framing, header_list, plain_status, plain_status_of};
use crate::asgi::message;

static JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The answer to a request.
pub(crate) enum Encoded {
    /// Ready to be written.
    Ready(Payload),
    /// A `Response` object that only its own `__call__` can send.
    Call(Py<PyAny>),
}

/// Where the endpoint was called, for the words of a `ResponseValidationError`.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) method: &'a str,
    /// The scope's `root_path`.
    pub(crate) root_path: &'a str,
}

/// Turns return values of one route into answers, as the specification of `turboapi.plans.responses` says.
#[pyclass(module = "turboapi._engine", frozen)]
pub(crate) struct Encoder {
    status: RouteStatus,
    field: Option<Field>,
    content: Content,
    jsonable: Py<PyAny>,
    build: Py<PyAny>,
    failure: Py<PyAny>,
    invalid: Py<PyAny>,
    stock: Stock,
    /// For a `def` endpoint with a response model: what need not be validated in a thread.
    familiar: Option<Familiar>,
}

/// The status that the route declares.
enum RouteStatus {
    /// None: 200, unless the response class has another.
    Unset,
    Plain(StatusCode),
    /// One that only Starlette's classes can be asked about.
    Other,
}

/// The response model.
struct Field {
    validate: PreparedCall,
    dump: PreparedCall,
    /// Whether `dump` gives the body, rather than a value to be rendered.
    gives_body: bool,
}

/// How content becomes a body.
enum Content {
    Json,
    /// Strings as they are, with the class's media type.
    Text(Option<HeaderValue>),
    /// By calling the response class.
    Class,
}

/// Starlette's own objects, as they were when the specification was made.
struct Stock {
    response: Py<PyAny>,
    call: Py<PyAny>,
    headers: Py<PyAny>,
}

#[pymethods]
impl Encoder {
    /// From a `turboapi.plans.responses.ResponseSpec`.
    #[new]
    fn new(spec: &Bound<'_, PyAny>) -> PyResult<Self> {
        let attribute = |name: &str| spec.getattr(name);
        let status = match attribute("status_code")?.extract::<Option<u16>>()? {
            None => RouteStatus::Unset,
            Some(code) => plain_status(code).map_or(RouteStatus::Other, RouteStatus::Plain),
        };
        let field = attribute("field")?;
        let field = if field.is_none() { None } else { Some(Field::new(&field)?) };
        let familiar = attribute("familiar")?;
        let content = match attribute("content")?.extract::<&str>()? {
            "json" => Content::Json,
            "text" => Content::Text(match attribute("content_type")?.extract::<Option<&str>>()? {
                Some(text) => Some(
                    HeaderValue::from_str(text)
                        .map_err(|_| PyValueError::new_err("a media type that is no header value"))?,
                ),
                None => None,
            }),
            "class" => Content::Class,
            other => return Err(PyValueError::new_err(format!("unknown content {other:?}"))),
        };
        Ok(Self {
            status,
            field,
            content,
            jsonable: attribute("jsonable")?.unbind(),
            build: attribute("build")?.unbind(),
            failure: attribute("failure")?.unbind(),
            invalid: attribute("invalid")?.unbind(),
            stock: Stock {
                response: attribute("response_type")?.unbind(),
                call: attribute("response_call")?.unbind(),
                headers: attribute("headers_type")?.unbind(),
            },
            familiar: if familiar.is_none() { None } else { Some(Familiar::new(&familiar)?) },
        })
    }

    /// The response model's version of `raw`; for a worker thread, where [`Encoder::wants_thread`] says so.
    #[pyo3(name = "validate")]
    fn validate_in_thread<'py>(
        &self,
        raw: &Bound<'py, PyAny>,
        method: &str,
        root_path: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.validate(raw.py(), raw, Place { method, root_path })
    }

    /// Whether `raw` is to be validated by `validate` in a worker thread.
    #[pyo3(name = "wants_thread")]
    fn wants_thread_in_python(&self, raw: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.wants_thread(raw)
    }

    /// For tests: `(status, headers, body)`, or the `Response` to be called.
    #[pyo3(name = "encode", signature = (raw, injected = None, method = "GET", root_path = ""))]
    fn encode_to_python<'py>(
        &self,
        raw: &Bound<'py, PyAny>,
        injected: Option<&Bound<'py, PyAny>>,
        method: &str,
        root_path: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = raw.py();
        match self.encode(py, raw, injected, Place { method, root_path })? {
            Encoded::Ready(payload) => payload.to_python(py),
            Encoded::Call(response) => Ok(response.into_bound(py)),
        }
    }

    /// The closures of the specification refer to the app, which refers to its plans.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Self { status: _, field, content: _, jsonable, build, failure, invalid, stock, familiar } = self;
        for object in [jsonable, build, failure, invalid, &stock.response, &stock.call, &stock.headers] {
            visit.call(object)?;
        }
        if let Some(field) = field {
            field.validate.traverse(&visit)?;
            field.dump.traverse(&visit)?;
        }
        familiar.as_ref().map_or(Ok(()), |familiar| familiar.traverse(&visit))
    }
}

impl Encoder {
    /// The answer for `raw`, which the endpoint returned; `injected` is the object of its `Response` parameter.
    ///
    /// Fails with the exception that FastAPI raises in this place, such as `ResponseValidationError`.
    pub(crate) fn encode(
        &self,
        py: Python<'_>,
        raw: &Bound<'_, PyAny>,
        injected: Option<&Bound<'_, PyAny>>,
        place: Place<'_>,
    ) -> PyResult<Encoded> {
        if self.is_response(raw)? {
            return self.sent(raw);
        }
        let value = self.validate(py, raw, place)?;
        self.encode_validated(&value, injected)
    }

    /// The response model's version of `raw`, or `raw` where there is no model.
    fn validate<'py>(
        &self,
        py: Python<'py>,
        raw: &Bound<'py, PyAny>,
        place: Place<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Some(field) = &self.field else { return Ok(raw.clone()) };
        field.validate.call(raw).or_else(|error| {
            if !error.value(py).is_instance(self.invalid.bind(py))? {
                return Err(error);
            }
            let failure =
                self.failure.bind(py).call1((raw, error.value(py), place.method, place.root_path))?;
            Err(PyErr::from_value(failure))
        })
    }

    /// Whether FastAPI would validate `raw` in a worker thread, and somebody could tell: its endpoint is a `def`, and
    /// reading `raw` may run code of the application. Then comes `validate` there, and here
    /// [`Encoder::encode_validated`].
    pub(crate) fn wants_thread(&self, raw: &Bound<'_, PyAny>) -> PyResult<bool> {
        match &self.familiar {
            Some(familiar) if !familiar.knows(raw) => Ok(!self.is_response(raw)?),
            _ => Ok(false),
        }
    }

    /// The answer for a value that was validated already.
    pub(crate) fn encode_validated(
        &self,
        value: &Bound<'_, PyAny>,
        injected: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Encoded> {
        let head = self.head(value.py(), injected)?;
        let Some(field) = &self.field else { return self.without_model(value, head, injected) };
        let content = field.dump.call(value)?;
        if !field.gives_body {
            return self.answer(&content, head, injected);
        }
        if let (Some(head), Ok(body)) = (head, content.cast_exact::<PyBytes>()) {
            let body = message::bytes(body.as_any())?;
            return Ok(Encoded::Ready(Payload::new(head, Some(&JSON), body)));
        }
        self.built(&content, injected)
    }

    /// The answer of a route without a response model, which sends what `jsonable_encoder` makes of `value`.
    fn without_model(
        &self,
        value: &Bound<'_, PyAny>,
        head: Option<Head>,
        injected: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Encoded> {
        if value.is_exact_instance_of::<PyString>() && !matches!(self.content, Content::Json) {
            return self.answer(value, head, injected);
        }
        let Some(head) = head else {
            let content = self.jsonable.bind(value.py()).call1((value,))?;
            return self.built(&content, injected);
        };
        if matches!(self.content, Content::Json)
            && let Some(body) = json::encode(value, PrivateKeys::Dropped)
        {
            return Ok(Encoded::Ready(Payload::new(head, Some(&JSON), body)));
        }
        let content = self.jsonable.bind(value.py()).call1((value,))?;
        self.answer(&content, Some(head), injected)
    }

    /// The answer with `content`, written here where that is possible.
    fn answer(
        &self,
        content: &Bound<'_, PyAny>,
        head: Option<Head>,
        injected: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Encoded> {
        if let Some(head) = head
            && let Some((content_type, body)) = self.rendered(content)
        {
            return Ok(Encoded::Ready(Payload::new(head, content_type, body)));
        }
        self.built(content, injected)
    }

    /// The body of `content`, and its type, where the class is one whose `render` is known.
    fn rendered(&self, content: &Bound<'_, PyAny>) -> Option<(Option<&HeaderValue>, Bytes)> {
        match &self.content {
            Content::Json => Some((Some(&JSON), json::encode(content, PrivateKeys::Kept)?)),
            Content::Text(content_type) => {
                let text = content.cast_exact::<PyString>().ok()?.to_str().ok()?;
                Some((content_type.as_ref(), Bytes::copy_from_slice(text.as_bytes())))
            }
            Content::Class => None,
        }
    }

    /// Status and headers, if they are what an answer can be written with.
    fn head(&self, py: Python<'_>, injected: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Head>> {
        let declared = match self.status {
            RouteStatus::Unset => Some(StatusCode::OK),
            RouteStatus::Plain(status) => Some(status),
            RouteStatus::Other => None,
        };
        let Some(injected) = injected else {
            return Ok(declared.map(|status| Head { status, injected: Vec::new() }));
        };
        let status = injected.getattr(intern!(py, "status_code"))?;
        let status = if status.is_none() { declared } else { plain_status_of(&status) };
        let Some(status) = status else { return Ok(None) };
        let headers = injected.getattr(intern!(py, "headers"))?;
        let raw = if headers.get_type().is(self.stock.headers.bind(py)) {
            headers.getattr(intern!(py, "_list"))?
        } else {
            headers.getattr(intern!(py, "raw"))?
        };
        let Some(headers) = header_list(&raw) else { return Ok(None) };
        Ok((!has_framing(&headers)).then_some(Head { status, injected: headers }))
    }

    /// What the response class makes of `content`.
    fn built(&self, content: &Bound<'_, PyAny>, injected: Option<&Bound<'_, PyAny>>) -> PyResult<Encoded> {
        let response = self.build.bind(content.py()).call1((content, injected))?;
        self.sent(&response)
    }

    /// The answer of a `Response` object.
    fn sent(&self, response: &Bound<'_, PyAny>) -> PyResult<Encoded> {
        let py = response.py();
        let call = response.get_type().getattr(intern!(py, "__call__"))?;
        let payload = if call.is(self.stock.call.bind(py)) { Payload::of_response(response)? } else { None };
        Ok(payload.map_or_else(|| Encoded::Call(response.clone().unbind()), Encoded::Ready))
    }

    fn is_response(&self, raw: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(!json::is_builtin(raw) && raw.is_instance(self.stock.response.bind(raw.py()))?)
    }
}

impl Field {
    fn new(spec: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            validate: PreparedCall::new(&spec.getattr("validate")?)?,
            dump: PreparedCall::new(&spec.getattr("dump")?)?,
            gives_body: spec.getattr("gives_body")?.extract()?,
        })
    }
}
