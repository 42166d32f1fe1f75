from __future__ import annotations
import time
from tests.model.close import to_the_end
from tests.model.explore import Model, explore
from sms_tracker.services.identity import keyed_message_id
from tests.model.actors import unkeyed_id

def run(**kw):
    t=time.time()
    m=Model(**kw)
    try:
        print(explore(m, to_the_end), time.time()-t)
    except Exception as e:
        print("VIOLATION", repr(e), getattr(e,'__notes__',[''])[0], time.time()-t)
        if "Violation" not in repr(e): raise
if __name__=="__main__":
    import sys
    K=keyed_message_id("shop","k")
    f=int(sys.argv[1]); 
    run(clients={"first":"k","again":"k"}, message_ids=frozenset({K}), faults=f,words=())
    run(clients={"first":"k","again":"k"}, message_ids=frozenset({K}), faults=f+1,words=(),reconcilers=0)
    run(clients={"first":"k","again":"k"}, message_ids=frozenset({K}), faults=f+2,words=(),reconcilers=0,processors=0)
    run(clients={"first":None,"other":None}, message_ids=frozenset({unkeyed_id("first"),unkeyed_id("other")}), faults=f,words=())
