package app

import (
	"os"

	"go.yaml.in/yaml/v4"
)

// addLegacyEnvironment takes over the variables of threatstack-to-s3 where the configuration is silent, so that its users
// can start this program in its place: TS_AWS_S3_BUCKET, TS_AWS_S3_PREFIX, THREATSTACK_API_KEY, THREATSTACK_BASE_URL.
func (c *Config) addLegacyEnvironment() {
	if bucket := os.Getenv("TS_AWS_S3_BUCKET"); bucket != "" && c.Archive.Kind == 0 { //nolint:forbidigo // this is configuration
		settings := mapping("bucket", scalar(bucket))
		if prefix := os.Getenv("TS_AWS_S3_PREFIX"); prefix != "" { //nolint:forbidigo // this is configuration
			extend(&settings, "prefix", scalar(prefix))
		}
		c.Archive = mapping("s3", settings)
	}
	entry := c.endpoint("archive")
	if entry == nil || entry.With.Kind != 0 || os.Getenv("THREATSTACK_API_KEY") == "" { //nolint:forbidigo // this is configuration
		return
	}
	service := mapping("key", scalar("env:THREATSTACK_API_KEY"))
	if url := os.Getenv("THREATSTACK_BASE_URL"); url != "" { //nolint:forbidigo // this is configuration
		extend(&service, "url", scalar(url))
	}
	entry.With = mapping("threatstack", service)
}

func extend(node *yaml.Node, key string, value yaml.Node) {
	more := mapping(key, value)
	node.Content = append(node.Content, more.Content...)
}
