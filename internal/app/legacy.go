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
	if entry == nil || has(&entry.With, "threatstack") || os.Getenv("THREATSTACK_API_KEY") == "" { //nolint:forbidigo // this is configuration
		return
	}
	service := mapping("key", scalar("env:THREATSTACK_API_KEY"))
	if url := os.Getenv("THREATSTACK_BASE_URL"); url != "" { //nolint:forbidigo // this is configuration
		extend(&service, "url", scalar(url))
	}
	if entry.With.Kind == yaml.MappingNode {
		extend(&entry.With, "threatstack", service)
		return
	}
	entry.With = mapping("threatstack", service)
}

// has reports whether a mapping has a key. What is neither a mapping nor empty has mistakes of its own.
func has(node *yaml.Node, key string) bool {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return true
		}
	}
	return node.Kind != 0 && node.Kind != yaml.MappingNode
}

func extend(node *yaml.Node, key string, value yaml.Node) {
	more := mapping(key, value)
	node.Content = append(node.Content, more.Content...)
}
