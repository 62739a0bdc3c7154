"""Mirrors a simplestreams tree with Canonical's own reader, which checks every size and digest.

Arguments: the tree's folder, a folder for the copy. Prints the items it saw, as a JSON list.
"""

import json
import sys

from simplestreams import mirrors, objectstores, util

source, target = sys.argv[1:]
items = []


class Writer(mirrors.ObjectStoreMirrorWriter):
    def insert_item(self, data, src, target, pedigree, contentsource):
        items.append(util.products_exdata(src, pedigree))
        super().insert_item(data, src, target, pedigree, contentsource)


reader = mirrors.UrlMirrorReader(source + "/", policy=lambda content, path: content)
Writer({}, objectstores.FileStore(target)).sync(reader, "streams/v1/index.json")
json.dump(items, sys.stdout)
