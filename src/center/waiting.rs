//! What a caller hears of his wait: the forecast, and how right it was.

use crate::call::Call;
use crate::center::Center;
use crate::fact::What;
use crate::ids::CallId;
use dozvon_clock::Timestamp;
use std::sync::Arc;

impl Center {
    /// Forecasts the wait of a call that has just come to a queue.
    pub(crate) fn forecast(&mut self, now: Timestamp, call: &mut Call) {
        call.forecast = self.acd.estimate(call.id).map(|estimate| (now, estimate));
        let (Some((_, estimate)), Some(queue)) = (call.forecast, call.state.queue()) else {
            return;
        };
        let what = What::WaitForecast {
            queue,
            mean_secs: estimate.mean.as_secs_f64(),
            p80_secs: estimate.p80.as_secs_f64(),
            p90_secs: estimate.p90.as_secs_f64(),
        };
        self.fact(now, Some(call.id), what);
    }

    /// An agent and the caller hear each other: the forecast is judged.
    pub(crate) fn forecast_met(&mut self, now: Timestamp, id: CallId, queue: &Arc<str>) {
        let call = self.calls.get_mut(&id);
        let Some((at, estimate)) = call.and_then(|call| call.forecast.take()) else { return };
        let waited = now.since(at);
        let what = What::ForecastMet {
            queue: queue.clone(),
            error_secs: waited.as_secs_f64() - estimate.mean.as_secs_f64(),
            within_p90: waited <= estimate.p90,
        };
        self.fact(now, Some(id), what);
    }
}
