// Loaded before a service by the launcher. The launcher holds the other end of the channel: when it
// is gone, by whatever way, the service ends as if it had been told to.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// The channel alone must not keep a process alive that has nothing else to do.
process.channel?.unref();
