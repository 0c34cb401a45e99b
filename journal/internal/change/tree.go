package change

import (
	"fmt"
	"strings"

	"github.com/nodeapply/apply/host"
)

// tree lists a name and all below it, folders before what is in them. What is in the folders that are cut is left out, for the reason that it has there: it
// would be too much, or is so deep that it cannot be named.
func tree(v host.View, name string) (names []string, cut map[string]string, err error) {
	names, cut = []string{name}, map[string]string{}
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
			below := strings.TrimSuffix(names[i], "/") + "/" + child
			switch {
			case len(names) >= host.KeptNames:
				cut[names[i]] = fmt.Sprintf("more than %d names were removed at once", host.KeptNames)
			case len(below) >= host.PathMax:
				cut[names[i]] = "what was in it is too deep to be named"
			}
			if cut[names[i]] != "" {
				names = names[:above]
				break
			}
			names = append(names, below)
		}
	}
	return names, cut, nil
}
