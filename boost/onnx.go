package boost

import (
	"encoding/binary"
	"math"
)

// ONNX writes the model as an ONNX file: operator set 17 and ai.onnx.ml 3, which ONNX Runtime 1.15 and later read. The input "x" is
// float [rows][features], NaN is missing; the output "y" is what Predict gives, float [rows][outputs]. Cuts, leaves and sums
// are float64; the score is rounded to float32 before the link, because the operator's output is. A split by
// category becomes a chain of comparisons that end at the same node, which ONNX Runtime reads as a set; there a code with a fraction
// is none.
//
// Sources: onnx.proto of ONNX 1.14 for the fields, TreeEnsembleRegressor of ai.onnx.ml 3 for the attributes.
func (m *Model) ONNX() ([]byte, error) {
	link := map[Objective]string{Binary: "Sigmoid", Multiclass: "Softmax", Poisson: "Exp", Tweedie: "Exp"}[m.objective]
	if link == "" {
		link = "Identity"
	}
	var graph message
	graph.message(1, onnxNode("Cast", "", "x", "x64", onnxInt("to", onnxDouble)))
	graph.message(1, onnxNode("TreeEnsembleRegressor", "ai.onnx.ml", "x64", "score", m.onnxTrees()...))
	if m.objective == Multiclass {
		graph.message(1, onnxNode(link, "", "score", "y", onnxInt("axis", 1)))
	} else {
		graph.message(1, onnxNode(link, "", "score", "y"))
	}
	graph.text(2, "trees")
	graph.message(11, onnxValue("x", len(m.features)))
	graph.message(12, onnxValue("y", len(m.base)))

	var file message
	file.number(1, 8) // the version of onnx.proto
	file.text(2, "rondo")
	file.message(7, graph)
	for _, set := range []struct {
		domain  string
		version uint64
	}{{"", 17}, {"ai.onnx.ml", 3}} {
		var s message
		s.text(1, set.domain)
		s.number(2, set.version)
		file.message(8, s)
	}
	if len(file) > math.MaxInt32 {
		return nil, unsupported("an ONNX file of %d bytes: Protocol Buffers end at 2 GiB", len(file))
	}
	return file, nil
}

// onnxTrees collects the attributes of the trees: one number of each list for each node, of others for each leaf.
type onnxTrees struct {
	tree, number, feature, yes, no, missing []uint64
	modes                                   []string
	cuts                                    []float64
	leafTree, leafNumber, leafTarget        []uint64
	weights                                 []float64
}

func (o *onnxTrees) add(tree int, number uint32, mode string, cut float64, n node, yes, no uint32) {
	o.tree, o.number = append(o.tree, uint64(tree)), append(o.number, uint64(number))
	o.modes, o.cuts = append(o.modes, mode), append(o.cuts, cut)
	o.feature, o.missing = append(o.feature, uint64(n.feature)), append(o.missing, uint64(n.kind&missingLeft))
	o.yes, o.no = append(o.yes, uint64(yes)), append(o.no, uint64(no))
}

func (m *Model) onnxTrees() []message {
	o := &onnxTrees{}
	for t, root := range m.roots {
		spare := m.end(t) - root // the next number beyond the tree's own
		for at := root; at < m.end(t); at++ {
			n, number := m.nodes[at], at-root
			child := n.child - root
			switch {
			case n.child == at:
				o.add(t, number, "LEAF", 0, node{}, 0, 0)
				o.leafTree, o.leafNumber = append(o.leafTree, uint64(t)), append(o.leafNumber, uint64(number))
				o.leafTarget, o.weights = append(o.leafTarget, uint64(t%len(m.base))), append(o.weights, m.values[at])
			case n.kind < asksSet:
				o.add(t, number, "BRANCH_LEQ", float64(n.cutOf()), n, child, child+1)
			default: // one question for each code, each with the same answer
				codes := m.sets.codes(n.cut)
				for i, code := range codes {
					no := spare
					if i+1 == len(codes) {
						no = child + 1
					}
					o.add(t, number, "BRANCH_EQ", float64(code), n, child, no)
					if i+1 < len(codes) {
						number = spare
						spare++
					}
				}
			}
		}
	}
	return []message{
		onnxInt("n_targets", uint64(len(m.base))),
		onnxInts("nodes_treeids", o.tree), onnxInts("nodes_nodeids", o.number), onnxInts("nodes_featureids", o.feature),
		onnxTexts("nodes_modes", o.modes), onnxDoubles("nodes_values_as_tensor", o.cuts),
		onnxInts("nodes_truenodeids", o.yes), onnxInts("nodes_falsenodeids", o.no),
		onnxInts("nodes_missing_value_tracks_true", o.missing),
		onnxInts("target_treeids", o.leafTree), onnxInts("target_nodeids", o.leafNumber), onnxInts("target_ids", o.leafTarget),
		onnxDoubles("target_weights_as_tensor", o.weights), onnxDoubles("base_values_as_tensor", m.base),
	}
}

// message is a message of Protocol Buffers being written: fields with a number, each as a varint or as bytes.
type message []byte

func (m *message) number(field int, x uint64) {
	*m = binary.AppendUvarint(binary.AppendUvarint(*m, uint64(field)<<3), x)
}

func (m *message) bytes(field int, b []byte) {
	*m = append(binary.AppendUvarint(binary.AppendUvarint(*m, uint64(field)<<3|2), uint64(len(b))), b...)
}

func (m *message) text(field int, s string)       { m.bytes(field, []byte(s)) }
func (m *message) message(field int, sub message) { m.bytes(field, sub) }

const (
	onnxFloat  = 1 // TensorProto.DataType
	onnxDouble = 11
)

func onnxNode(operator, domain, input, output string, attributes ...message) (node message) {
	node.text(1, input)
	node.text(2, output)
	node.text(4, operator)
	for _, a := range attributes {
		node.message(5, a)
	}
	node.text(7, domain)
	return node
}

// onnxValue describes a float tensor of any number of rows.
func onnxValue(name string, columns int) (value message) {
	var rows, width, shape, tensor, kind message
	rows.text(2, "rows")
	width.number(1, uint64(columns))
	shape.message(1, rows)
	shape.message(1, width)
	tensor.number(1, onnxFloat)
	tensor.message(2, shape)
	kind.message(1, tensor)
	value.text(1, name)
	value.message(2, kind)
	return value
}

// An attribute's fields are its name, the value in a field of its kind, and the kind.

func onnxInt(name string, x uint64) (a message) {
	a.text(1, name)
	a.number(3, x)
	a.number(20, 2)
	return a
}

func onnxInts(name string, all []uint64) (a message) {
	var packed []byte
	for _, x := range all {
		packed = binary.AppendUvarint(packed, x)
	}
	a.text(1, name)
	a.bytes(8, packed)
	a.number(20, 7)
	return a
}

func onnxTexts(name string, all []string) (a message) {
	a.text(1, name)
	for _, s := range all {
		a.text(9, s)
	}
	a.number(20, 8)
	return a
}

func onnxDoubles(name string, all []float64) (a message) {
	var tensor message
	tensor.number(1, uint64(len(all)))
	tensor.number(2, onnxDouble)
	raw := make([]byte, 0, 8*len(all))
	for _, x := range all {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(x))
	}
	tensor.text(8, name)
	tensor.bytes(9, raw)
	a.text(1, name)
	a.message(5, tensor)
	a.number(20, 4)
	return a
}
