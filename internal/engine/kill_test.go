package engine

// childDir names, in the environment, the store in which a child process publishes.
const childDir = "FUNNELWEB_ENGINE_TEST_DIR"

func publishUntilKilled() {}
