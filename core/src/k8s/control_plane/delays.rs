//! How long the control plane takes: every delay, and why it is so long.
//!
//! A real cluster has no fixed times. Those that Kubernetes configures are its defaults; the others are what an idle
//! cluster of a few nodes takes, one number each, so that a run can be predicted.

use std::time::Duration;

/// From a write to the API server until a watcher has the event: a write to etcd with its fsync, and one TCP segment.
pub const WATCH: Duration = Duration::from_millis(5);

/// The scheduler's cycle and its binding, which is another write.
pub const SCHEDULE: Duration = Duration::from_millis(5);

/// Until a sandbox stands: the runtime starts the pause container, and the CNI plugin is a program of its own.
pub const SANDBOX: Duration = Duration::from_millis(200);

/// From the sandbox until the containers run and listen. Their images are there.
pub const CONTAINER_START: Duration = Duration::from_millis(300);

/// From the start of a container until its readiness probe has succeeded (initialDelaySeconds 0, successThreshold 1): a
/// worker of its own asks at once, and the answer travels by the kubelet's next sync of the pod.
pub const READY: Duration = Duration::from_millis(100);

/// From SIGTERM until the last process has ended. A server that shuts down in order needs about that long; one that does
/// not gets SIGKILL after terminationGracePeriodSeconds, 30 by default.
pub const EXIT: Duration = Duration::from_millis(500);

/// From the end of a sandbox until the object goes: the kubelet sees that nothing is left and deletes it for good.
pub const REMOVE: Duration = Duration::from_millis(200);

/// EndpointSlice and Endpoints controllers: `--endpointslice-updates-batch-period`, `--endpoint-updates-batch-period`.
pub const ENDPOINT_BATCH: Duration = Duration::ZERO;

/// kube-proxy's `minSyncPeriod`: how often it writes at most. IPVS has none.
pub const MIN_SYNC: Duration = Duration::from_secs(1);

/// Syncs that it saves up while it has nothing to do: burstSyncs of NewBoundedFrequencyRunner.
pub const BURST_SYNCS: u32 = 2;
