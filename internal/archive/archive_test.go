package archive

import (
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestTheConfigurationChoosesTheStore(t *testing.T) {
	t.Setenv("S3_KEY", "access-canary-0001")
	t.Setenv("S3_SECRET", "secret-canary-0002")
	data := t.TempDir()
	cases := []struct{ name, yaml, dir, bucket, err string }{
		{"nothing is the data directory's archive", "{}", filepath.Join(data, "archive"), "", ""},
		{"a directory without a path is the same", "dir: {}", filepath.Join(data, "archive"), "", ""},
		{"a directory of its own", "dir: {path: /srv/evidence}", "/srv/evidence", "", ""},
		{"a bucket", `s3: {bucket: evidence, prefix: soc, region: eu-central-1}`, "", "evidence", ""},
		{
			"a bucket of another service",
			`s3: {bucket: evidence, endpoint: "https://s3.lab.example", path_style: true, access_key: "env:S3_KEY", secret_key: "env:S3_SECRET", kms_key: k}`,
			"", "evidence", "",
		},
		{"both", "{dir: {}, s3: {bucket: evidence, region: eu-central-1}}", "", "", "one place"},
		{"a bucket without a name", "s3: {region: eu-central-1}", "", "", "bucket"},
		{"a secret that is written in place", "s3: {bucket: evidence, secret_key: secret-canary-0002}", "", "", "never in place"},
		{"a setting that is not known", "s3: {bucket: evidence, acl: private}", "", "", "acl"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			store, err := openYAML(t, c.yaml, data)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %v, want %q in it", err, c.err)
				}
				frameworktest.LeaksNoSecret(t, "secret-canary-0002", err.Error())
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			switch store := store.(type) {
			case *Dir:
				if store.path != c.dir {
					t.Errorf("got the directory %s, want %s", store.path, c.dir)
				}
			case *S3:
				if store.config.Bucket != c.bucket {
					t.Errorf("got the bucket %s, want %s", store.config.Bucket, c.bucket)
				}
			}
		})
	}
}

func openYAML(t *testing.T, text, data string) (framework.Archive, error) {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	var config Config
	if err := framework.DecodeConfig(document.Content[0], "archive", &config); err != nil {
		return nil, err
	}
	return Open(t.Context(), config, Deps{DataDir: data, Now: new(frameworktest.Clock).Now})
}

func TestAPlaceTellsOneArchiveFromAnother(t *testing.T) {
	cases := []struct {
		config Config
		want   string
	}{
		{Config{}, "dir /data/archive"},
		{Config{Dir: &DirConfig{}}, "dir /data/archive"},
		{Config{Dir: &DirConfig{Path: "/srv/evidence/"}}, "dir /srv/evidence"},
		{Config{S3: &S3Config{Bucket: "evidence"}}, "s3 /evidence/"},
		{Config{S3: &S3Config{Bucket: "evidence", Prefix: "/soc/", Endpoint: "https://s3.lab.example"}}, "s3 https://s3.lab.example/evidence/soc"},
	}
	for _, c := range cases {
		if got := c.config.Place("/data"); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
