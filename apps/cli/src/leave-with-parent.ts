/** Imported first into a child of `papers serve`: the channel closes when the supervisor is gone, and then the child leaves in order. */
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// The channel alone keeps no process.
process.channel?.unref();
