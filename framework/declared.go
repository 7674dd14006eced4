package framework

// IsDeclared reports whether the schema of the answer has a member of that name, somewhere. It is public then, and clients look for it.
// All other names, the keys of a map say, are data as values are.
func (r *Response) IsDeclared(name string) bool {
	return r.declared != nil && r.declared(name)
}

// isProblemMember knows the members of a Problem.
func isProblemMember(name string) bool {
	switch name {
	case "title", "status", "detail", "request_id", "errors", "in", "pointer", "rule", "message":
		return true
	default:
		return false
	}
}

// names are those of all members that a schema declares.
type names map[string]struct{}

func namesOf(n *node) names {
	found := names{}
	found.collect(n, map[*node]bool{})
	return found
}

func (f names) has(name string) bool {
	_, known := f[name]
	return known
}

func (f names) collect(n *node, seen map[*node]bool) {
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	for _, alternative := range n.oneOf {
		f.collect(alternative, seen)
	}
	if n.choice != nil {
		for _, shape := range n.choice.shapes {
			f.collect(shape, seen)
		}
	}
	if n.array != nil {
		f.collect(n.array.items, seen)
	}
	if n.object == nil {
		return
	}
	f.collect(n.object.additional, seen)
	for name, member := range n.object.properties {
		f[name] = struct{}{}
		f.collect(member.node, seen)
	}
}
