"""The XML documents of OpenNebula's API: one module per noun (spec: xml-documents.md).

Each has pure functions from a record, and from what else it shows, to text; and `parts`, which looks that up in the
world and keeps the result, escaped for XML-RPC, for as long as it is right.
"""
