package repo

import "github.com/nodeapply/apply/resources"

// declaredAttr is an attribute that the manifest sets.
type declaredAttr struct {
	attr   string
	values []string
}

// attr is an attribute that becomes a key.
type attr struct {
	name  string
	value any // *resources.Scalar or *resources.Strings
}

// attrs points to those attributes, in the order in which a new section has them.
func (r *Repo) attrs() []attr {
	return []attr{
		{"descr", &r.Descr}, {"enabled", &r.Enabled}, {"types", &r.Types}, {"uris", &r.Uris}, {"baseurl", &r.Baseurl}, {"suites", &r.Suites},
		{"components", &r.Components}, {"architectures", &r.Architectures}, {"signed_by", &r.SignedBy}, {"trusted", &r.Trusted},
		{"check_valid_until", &r.CheckValidUntil}, {"mirrorlist", &r.Mirrorlist}, {"metalink", &r.Metalink}, {"gpgcheck", &r.Gpgcheck},
		{"repo_gpgcheck", &r.RepoGpgcheck}, {"gpgkey", &r.Gpgkey}, {"priority", &r.Priority}, {"exclude", &r.Exclude},
		{"includepkgs", &r.Includepkgs}, {"cost", &r.Cost}, {"metadata_expire", &r.MetadataExpire}, {"module_hotfixes", &r.ModuleHotfixes},
		{"proxy", &r.Proxy}, {"proxy_username", &r.ProxyUsername}, {"proxy_password", &r.ProxyPassword}, {"username", &r.Username},
		{"password", &r.Password}, {"sslverify", &r.Sslverify}, {"sslcacert", &r.Sslcacert}, {"sslclientcert", &r.Sslclientcert},
		{"sslclientkey", &r.Sslclientkey}, {"skip_if_unavailable", &r.SkipIfUnavailable},
	}
}

// declared lists what is set.
func (r *Repo) declared() []declaredAttr {
	var list []declaredAttr
	for _, a := range r.attrs() {
		switch v := a.value.(type) {
		case *resources.Scalar:
			if *v != "" {
				list = append(list, declaredAttr{a.name, []string{string(*v)}})
			}
		case *resources.Strings:
			if len(*v) > 0 {
				list = append(list, declaredAttr{a.name, *v})
			}
		}
	}
	return list
}
