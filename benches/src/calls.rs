//! A service that is called in this process, without sockets and without a runtime.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use axum::body::Body;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, StatusCode};
use tower::Service;

use crate::Result;

/// Calls it once for each host; every answer has to have this status, and to be there at once.
///
/// # Errors
/// If one has another, or is not.
pub fn call_all<S, B>(service: &mut S, hosts: &[HeaderValue], status: StatusCode) -> Result<()>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    for host in hosts {
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(HOST, host.clone());
        let Poll::Ready(Ok(())) = service.poll_ready(&mut context) else { return Err("not ready".into()) };
        let answer = pin!(service.call(black_box(request)));
        let Poll::Ready(Ok(answer)) = answer.poll(&mut context) else {
            return Err("no answer at once".into());
        };
        if answer.status() != status {
            return Err(format!("{host:?}: {}", answer.status()).into());
        }
    }
    Ok(())
}

/// Nanoseconds for each call.
///
/// # Errors
/// As [`call_all`].
pub fn time<S, B>(service: &mut S, hosts: &[HeaderValue], status: StatusCode) -> Result<f64>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let began = Instant::now();
    call_all(service, hosts, status)?;
    Ok(began.elapsed().as_secs_f64() * 1e9 / hosts.len() as f64)
}
