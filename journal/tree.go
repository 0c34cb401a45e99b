package journal

import (
	"strings"

	"github.com/nodeapply/apply/host"
)

// tree lists a name and all below it, folders before what is in them. What is in the folders that are cut is left out: it would be too much.
func tree(v host.View, name string) (names []string, cut map[string]bool, err error) {
	names, cut = []string{name}, map[string]bool{}
	for i := 0; i < len(names); i++ {
		st, err := v.Lstat(names[i])
		if err != nil {
			return nil, nil, err
		}
		if st.Kind != host.Directory {
			continue
		}
		above := len(names)
		for child, err := range v.ReadDir(names[i]) {
			if err != nil {
				return nil, nil, err
			}
			if len(names) >= host.KeptNames {
				names, cut[names[i]] = names[:above], true
				break
			}
			names = append(names, strings.TrimSuffix(names[i], "/")+"/"+child)
		}
	}
	return names, cut, nil
}
