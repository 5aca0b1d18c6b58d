//! The Python extension `turboapi._engine`.
//!
//! Three rooms: [`reactor`] joins an asyncio event loop and a tokio runtime on one thread,
//! [`asgi`] serves ASGI 3 applications over `turbo-http` on that thread, and [`plan`] runs the routes that
//! `turboapi.plans` compiled without the application around them. The crate holds
//! conversions, calls and error mapping; what can be said without Python lives in the crates
//! below it.

mod asgi;
mod attached;
mod coroutine;
mod plan;
mod python;
mod reactor;
mod router;

use pyo3::prelude::*;

/// Registers the classes of the extension module.
#[pymodule(gil_used = false)]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("build_profile", if cfg!(debug_assertions) { "debug" } else { "release" })?;
    module.add_class::<reactor::Reactor>()?;
    module.add_function(wrap_pyfunction!(reactor::answer_natively, module)?)?;
    module.add_class::<asgi::HttpServer>()?;
    module.add_class::<asgi::MetricsRecorder>()?;
    module.add_class::<asgi::RateLimitBuckets>()?;
    module.add_class::<plan::PlanTable>()?;
    module.add_class::<plan::pace::Pace>()?;
    module.add_class::<plan::extract::Extractor>()?;
    module.add_class::<plan::encode::Encoder>()?;
    module.add_function(wrap_pyfunction!(plan::encode::encode_json, module)?)?;
    module.add_function(wrap_pyfunction!(plan::encode::encode_http_exception, module)?)?;
    module.add_class::<router::Router>()?;
    module.add("ClientDisconnected", module.py().get_type::<asgi::ClientDisconnected>())?;
    Ok(())
}
