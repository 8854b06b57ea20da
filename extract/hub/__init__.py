"""The crawler of the Hugging Face Hub: `python -m extract.hub`.

Reading order: `scope` (what is asked for), `hub` (one paced request), `listing` and `configs`
(what is done with the answers), `state` (what is known, where a crawl stands), `batches` (how it
lands), `crawl` (all of it in order).
"""
